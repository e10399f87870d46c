import { z } from 'zod';
import type { PermissionName } from '../access/permissions.ts';
import { formatEtag, matchesWeakly, type Preconditions } from '../http/etag.ts';
import {
  defineOperation,
  type Operation,
  type OperationReply,
  type SuccessReply,
} from '../http/operation.ts';
import { decodeCursor, pageOf, toPage } from '../http/pagination.ts';
import { problem } from '../http/problems.ts';
import type { Edits } from '../store/commit.ts';
import type { LocatedFault } from '../store/integrity.ts';
import {
  COLLECTION_BY_KIND,
  isNestedKind,
  type ResourceKind,
  type SpecByKind,
  type Stored,
} from '../store/kinds.ts';
import type { Committed } from '../store/outcome.ts';
import type { SessionStore } from '../store/session-store.ts';
import type { ApiContext } from './api-context.ts';
import { ChangesReply, presentChange } from './change-reply.ts';
import { listQuery } from './list-filters.ts';
import { answerWrite, WRITE_HEADERS, WriteQuery } from './write-options.ts';

/** What the store adds to every resource. */
const Bookkeeping = {
  revision: z.int().describe('Revision of the last change of this resource; also its ETag.'),
  createdAt: z.iso.datetime(),
  updatedAt: z.iso.datetime(),
};

/** Shape of a resource in replies: content, id and bookkeeping. */
export function resourceReply(resource: z.ZodObject): z.ZodObject {
  return resource.safeExtend(Bookkeeping);
}

/** Which resource: the ids in the path. */
export interface Target {
  /** Null for tenants and what is shared. */
  readonly tenantId: string | null;
  readonly id: string;
}

/** A kind of resource, as far as its operations differ. */
export interface ResourceOperations<Kind extends ResourceKind, Spec extends z.ZodType> {
  readonly kind: Kind;
  /** Singular, for summaries: "API key". */
  readonly title: string;
  readonly permissions: {
    readonly list: PermissionName;
    readonly get: PermissionName;
    /** To create, replace and delete. */
    readonly write: PermissionName;
  };
  /** Path of the collection: `/v1/tenants/{tenantId}/routes`. */
  readonly collectionPath: string;
  /** Name of the id in the path: `routeId`. */
  readonly idName: string;
  /** Schemas of the ids in the path. */
  readonly params: z.ZodObject;
  /** What is written. */
  readonly spec: Spec;
  /** What is read: the content and the id. */
  readonly resource: z.ZodObject;
  readonly example: {
    readonly spec: unknown;
    readonly resource: Readonly<Record<string, unknown>>;
  };
  /** What a reply shows of it, where that is not what is stored; `hosts` are those of the tenant. */
  readonly show?: (spec: SpecByKind[Kind], hosts: readonly string[]) => object;
  /** The change that a PUT or (null) DELETE makes. */
  edit(target: Target, spec: z.output<Spec> | null, preconditions: Preconditions): Edits;
}

/** Permissions of what belongs to a tenant. */
export const NESTED_PERMISSIONS = {
  list: 'tenant.read',
  get: 'tenant.read',
  write: 'tenant.write',
} as const satisfies ResourceOperations<ResourceKind, z.ZodType>['permissions'];

/** Operations that every kind has: list, get, put, delete. */
export function defineResource<Kind extends ResourceKind, Spec extends z.ZodType>(
  context: ApiContext,
  resource: ResourceOperations<Kind, Spec>,
): Operation[] {
  return [
    defineList(context, resource),
    defineGet(context, resource),
    definePut(context, resource),
    defineDelete(context, resource),
  ];
}

function defineList<Kind extends ResourceKind, Spec extends z.ZodType>(
  context: ApiContext,
  resource: ResourceOperations<Kind, Spec>,
): Operation {
  const example = { items: [resource.example.resource], nextCursor: null };
  return defineOperation(
    {
      method: 'GET',
      path: resource.collectionPath,
      operationId: `list${capitalise(resource.kind)}s`,
      summary: `List ${resource.title}s in the order of their ids`,
      tag: resource.title,
      permission: resource.permissions.list,
      params: withoutKey(resource.params, resource.idName),
      query: listQuery(resource.kind),
      body: null,
      responses: {
        200: { description: 'A page.', schema: pageOf(resourceReply(resource.resource)), example },
      },
      errors: isNestedKind(resource.kind) ? ['HG_API_NOT_FOUND'] : [],
    },
    async ({ session, params, query }) => {
      const { tenantId } = targetOf(resource, params);
      const { limit, cursor, ...filter } = query;
      const after = cursor === undefined ? null : decodeCursor(cursor);
      const page = { limit: limit + 1, after };
      const store = context.store.as(session);
      const found = await store.list(resource.kind, tenantId, page, filter);
      if (found.length === 0 && tenantId !== null) {
        const tenant = await store.get('tenant', null, tenantId);
        if (tenant === null) return notFound(`there is no tenant "${tenantId}"`);
      }
      const shown = await showerOf(resource, store, tenantId);
      return { status: 200, body: toPage(found.map(shown), limit, ({ id }) => id) };
    },
  );
}

function defineGet<Kind extends ResourceKind, Spec extends z.ZodType>(
  context: ApiContext,
  resource: ResourceOperations<Kind, Spec>,
): Operation {
  return defineOperation(
    {
      method: 'GET',
      path: `${resource.collectionPath}/{${resource.idName}}`,
      operationId: `get${capitalise(resource.kind)}`,
      summary: `Get a ${resource.title}`,
      tag: resource.title,
      permission: resource.permissions.get,
      params: resource.params,
      query: z.strictObject({}),
      body: null,
      conditional: true,
      responses: {
        200: {
          description: `The ${resource.title}.`,
          schema: resourceReply(resource.resource),
          example: resource.example.resource,
          headers: { etag: 'Revision of the resource, quoted.' },
        },
        304: { description: 'The client has this revision already (If-None-Match).' },
      },
      errors: ['HG_API_NOT_FOUND'],
    },
    async ({ session, params, preconditions }) => {
      const { tenantId, id } = targetOf(resource, params);
      const store = context.store.as(session);
      const stored = await store.get(resource.kind, tenantId, id);
      if (stored === null) return notFound(`there is no ${resource.title} "${id}"`);
      const headers = { etag: formatEtag(stored.revision) };
      const { ifNoneMatch } = preconditions;
      if (ifNoneMatch !== null && matchesWeakly(ifNoneMatch, stored.revision)) {
        return { status: 304, headers };
      }
      const shown = await showerOf(resource, store, tenantId);
      return { status: 200, headers, body: shown(stored) };
    },
  );
}

function definePut<Kind extends ResourceKind, Spec extends z.ZodType>(
  context: ApiContext,
  resource: ResourceOperations<Kind, Spec>,
): Operation {
  const shape = {
    schema: resourceReply(resource.resource).extend({ converged: z.boolean().optional() }),
    example: resource.example.resource,
    headers: { etag: 'Revision of the resource, quoted.', ...WRITE_HEADERS },
  };
  return defineOperation(
    {
      method: 'PUT',
      path: `${resource.collectionPath}/{${resource.idName}}`,
      operationId: `put${capitalise(resource.kind)}`,
      summary: `Create or replace a ${resource.title}`,
      description: 'Writing what is there already changes nothing and keeps the revision.',
      tag: resource.title,
      permission: resource.permissions.write,
      params: resource.params,
      query: WriteQuery,
      body: resource.spec,
      bodyExample: resource.example.spec,
      conditional: true,
      responses: {
        200: {
          ...shape,
          description: 'Replaced, or unchanged; or what a dry run would change.',
          schema: z.union([shape.schema, ChangesReply]),
        },
        ...(resource.kind === 'apiKey' ? {} : { 201: { description: 'Created.', ...shape } }),
      },
      errors: ['HG_API_NOT_FOUND', 'HG_API_CONFLICT', 'HG_API_REVISION_MISMATCH'],
    },
    async ({ params, query, body, preconditions, session }) => {
      const target = targetOf(resource, params);
      return answerWrite(context, session, query, {
        edits: resource.edit(target, body, preconditions),
        options: { pathOf: pathWithin(resource.kind, target) },
        replyTo(committed) {
          if (query.dryRun) return dryRunReply(committed);
          const stored = storedAfter<SpecByKind[Kind]>(committed, resource.kind, target.id);
          return {
            status: stored.created ? 201 : 200,
            headers: { etag: formatEtag(stored.resource.revision) },
            body: shownWith(resource, hostsAfter(committed))(stored.resource),
          };
        },
      });
    },
  );
}

function defineDelete<Kind extends ResourceKind, Spec extends z.ZodType>(
  context: ApiContext,
  resource: ResourceOperations<Kind, Spec>,
): Operation {
  return defineOperation(
    {
      method: 'DELETE',
      path: `${resource.collectionPath}/{${resource.idName}}`,
      operationId: `delete${capitalise(resource.kind)}`,
      summary: `Delete a ${resource.title}`,
      tag: resource.title,
      permission: resource.permissions.write,
      params: resource.params,
      query: WriteQuery,
      body: null,
      conditional: true,
      responses: {
        200: { description: 'What a dry run would change.', schema: ChangesReply },
        204: { description: 'Deleted.', headers: WRITE_HEADERS },
      },
      errors: ['HG_API_NOT_FOUND', 'HG_API_CONFLICT', 'HG_API_REVISION_MISMATCH'],
    },
    async ({ params, query, preconditions, session }) => {
      const target = targetOf(resource, params);
      return answerWrite(context, session, query, {
        edits: resource.edit(target, null, preconditions),
        options: { pathOf: pathWithin(resource.kind, target) },
        replyTo: (committed) => (query.dryRun ? dryRunReply(committed) : { status: 204 }),
      });
    },
  );
}

/** Paths of faults relative to one resource. */
export function pathWithin(kind: ResourceKind, target: Target): (fault: LocatedFault) => string {
  return (fault) => {
    if (fault.kind === kind && fault.id === target.id) return fault.path;
    return [COLLECTION_BY_KIND[fault.kind], fault.id, fault.path].filter(Boolean).join('.');
  };
}

/** The reply to a dry run: what would change. */
export function dryRunReply({ revision, changes }: Committed): SuccessReply {
  const shown = changes
    .filter(({ action }) => action !== 'unchanged')
    .map((change) => presentChange(change, true));
  return { status: 200, body: { dryRun: true, revision, changes: shown } };
}

/** The resource as it is after a change that named it. */
export function storedAfter<Spec>(
  committed: Committed,
  kind: ResourceKind,
  id: string,
): { readonly created: boolean; readonly resource: Stored<Spec> } {
  const change = committed.changes.find((one) => one.kind === kind && one.id === id);
  if (change === undefined) throw new TypeError(`the change of ${kind} "${id}" is missing`);
  const { before } = change;
  // The change holds what the edit of this very kind returned.
  const spec = change.after as Spec;
  if (change.action === 'unchanged' && before !== null) {
    return { created: false, resource: { ...before, spec } };
  }
  const createdAt = before?.createdAt ?? committed.at;
  const { revision, at: updatedAt } = committed;
  return { created: before === null, resource: { id, spec, revision, createdAt, updatedAt } };
}

/** How resources of a kind are shown. */
type Shower<Kind extends ResourceKind> = (stored: Stored<SpecByKind[Kind]>) => {
  readonly id: string;
};

/** Reads the hosts of the tenant, if they are shown. */
async function showerOf<Kind extends ResourceKind>(
  resource: Pick<ResourceOperations<Kind, z.ZodType>, 'show'>,
  store: Pick<SessionStore, 'get'>,
  tenantId: string | null,
): Promise<Shower<Kind>> {
  if (resource.show === undefined || tenantId === null) return present;
  const tenant = await store.get('tenant', null, tenantId);
  return shownWith(resource, tenant?.spec.identity.hosts ?? []);
}

function shownWith<Kind extends ResourceKind>(
  { show }: Pick<ResourceOperations<Kind, z.ZodType>, 'show'>,
  hosts: readonly string[],
): Shower<Kind> {
  if (show === undefined) return present;
  return (stored) => present({ ...stored, spec: show(stored.spec, hosts) });
}

/** Hosts of the tenant that a change within it names. */
function hostsAfter({ changes }: Committed): readonly string[] {
  const tenant = changes.find(({ kind }) => kind === 'tenant');
  // The change of a tenant holds its spec.
  return (tenant?.after as SpecByKind['tenant'] | undefined)?.identity.hosts ?? [];
}

/** A resource as it is answered. */
export function present(stored: Stored<unknown>) {
  return {
    id: stored.id,
    ...(stored.spec as object), // every spec is an object
    revision: stored.revision,
    createdAt: stored.createdAt.toISOString(),
    updatedAt: stored.updatedAt.toISOString(),
  };
}

function withoutKey(schema: z.ZodObject, key: string): z.ZodObject {
  const { [key]: _, ...shape } = schema.shape;
  return z.strictObject(shape);
}

function targetOf(
  resource: Pick<ResourceOperations<ResourceKind, z.ZodType>, 'kind' | 'idName'>,
  params: Readonly<Record<string, unknown>>,
): Target {
  const tenantId = isNestedKind(resource.kind) ? String(params['tenantId']) : null;
  return { tenantId, id: String(params[resource.idName]) };
}

function notFound(detail: string): OperationReply {
  return problem('HG_API_NOT_FOUND', { detail });
}

function capitalise(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
