import { hash } from 'node:crypto';
import {
  documentKey,
  DOCUMENT_VERSION,
  type DocumentHeader,
  type TenantIdentity,
} from '@headgate/model';
import type { TenantSpecs } from '../store/state.ts';

/** The published form of a tenant, plan or shared upstream, or of its deletion. */
export interface BuiltDocument {
  readonly key: string;
  readonly kind: DocumentHeader['kind'];
  readonly id: string;
  readonly revision: number;
  readonly deleted: boolean;
  /** Hash of the body's UTF-8 bytes in lower-case hex. */
  readonly sha256: string;
  /** Of tenants and their rollouts; null for all else, and for deletions. */
  readonly identity: TenantIdentity | null;
  /** JSON text; empty for a deletion. */
  readonly body: string;
  /** Rings that serve it; null but for rollouts. */
  readonly rings: readonly string[] | null;
}

/** Builds the document of a plan or shared upstream; null deletes it. */
export function buildSharedDocument(
  kind: 'plan' | 'upstream',
  id: string,
  spec: object | null,
  revision: number,
): BuiltDocument {
  const body = spec === null ? '' : JSON.stringify({ [kind]: { id, ...spec } });
  return finish(kind, id, revision, null, body);
}

/** Builds the document of a tenant; a null tenant deletes it. */
export function buildTenantDocument(
  id: string,
  specs: TenantSpecs,
  revision: number,
): BuiltDocument {
  if (specs.tenant === null) return finish('tenant', id, revision, null, '');
  const body = JSON.stringify({
    tenant: { id, ...specs.tenant },
    upstreams: listById(specs.upstream),
    routes: listById(specs.route),
    // Tenants without any have the documents of releases before it.
    ...(specs.jwtIssuer.size === 0 ? {} : { jwtIssuers: listById(specs.jwtIssuer) }),
    apiKeys: listById(specs.apiKey),
    // Edges of releases before certificates refuse none of those that have none.
    ...(specs.certificate.size === 0 ? {} : { certificates: listById(specs.certificate) }),
  });
  return finish('tenant', id, revision, specs.tenant.identity, body);
}

/** Builds the document of a rollout: what the tenant is to become, for some rings; a null candidate deletes it. */
export function buildRolloutDocument(
  id: string,
  candidate: Pick<BuiltDocument, 'identity' | 'body'> | null,
  rings: readonly string[],
  revision: number,
): BuiltDocument {
  if (candidate === null) return finish('rollout', id, revision, null, '');
  const { identity, body } = candidate;
  return { ...finish('rollout', id, revision, identity, body), rings };
}

/** Bytes of a document on the wire: header line and body. */
export function documentBytes(document: BuiltDocument): number {
  const header = JSON.stringify({ v: DOCUMENT_VERSION, ...publishedHeader(document) });
  // The bus adds the hash: `,"sha256":"…64 digits…"` and the line feed.
  return Buffer.byteLength(header) + 77 + Buffer.byteLength(document.body);
}

/** The header, as the publisher of @headgate/bus takes it. */
export function publishedHeader(document: Omit<BuiltDocument, 'body' | 'key'>) {
  const { kind, id, revision, deleted, identity, rings } = document;
  return {
    ...{ kind, id, revision, deleted },
    ...(identity === null ? {} : { identity }),
    ...(rings === null ? {} : { rings: [...rings] }),
  };
}

function finish(
  kind: BuiltDocument['kind'],
  id: string,
  revision: number,
  identity: TenantIdentity | null,
  body: string,
): BuiltDocument {
  const key = documentKey(kind, id);
  const sha256 = hash('sha256', body);
  return { key, kind, id, revision, deleted: body === '', sha256, identity, body, rings: null };
}

/** Sorted, so that equal content gives equal bytes. */
function listById<Spec extends object>(
  specs: ReadonlyMap<string, Spec>,
): ({ id: string } & Spec)[] {
  return [...specs].sort(([a], [b]) => (a < b ? -1 : 1)).map(([id, spec]) => ({ id, ...spec }));
}
