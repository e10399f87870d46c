import type { TenantSpec } from '@headgate/model';
import { sql, type Kysely } from 'kysely';
import { inChunks } from './chunks.ts';
import type { LocatedFault } from './integrity.ts';
import { candidateIdentities } from './rollouts.ts';
import type { Tables } from './tables.ts';

/** A host, path prefix or header value that a tenant wants for itself. */
export interface Claim {
  readonly kind: 'host' | 'pathPrefix' | 'headerValue';
  readonly value: string;
  /** Path in the tenant's spec. */
  readonly path: string;
}

/** What changes in the claims of one tenant. */
export interface ClaimChange {
  readonly tenantId: string;
  readonly added: readonly Claim[];
  readonly removed: readonly Claim[];
}

const NAMES = { host: 'host', pathPrefix: 'path prefix', headerValue: 'header value' } as const;

/** The claims of a tenant, each once. */
export function claimsOf(spec: Pick<TenantSpec, 'identity'> | null): ReadonlyMap<string, Claim> {
  const claims = new Map<string, Claim>();
  if (spec === null) return claims;
  const { hosts, pathPrefixes, headerValues } = spec.identity;
  const add = (kind: Claim['kind'], value: string, path: string) => {
    if (!claims.has(claimKey(kind, value)))
      claims.set(claimKey(kind, value), { kind, value, path });
  };
  hosts.forEach((host, index) => add('host', host, `identity.hosts[${index}]`));
  pathPrefixes.forEach((prefix, index) => {
    // Prefixes are whole segments: "/a" and "/a/" take the same requests.
    const value = prefix.length > 1 ? prefix.replace(/\/$/, '') : prefix;
    add('pathPrefix', value, `identity.pathPrefixes[${index}]`);
  });
  headerValues.forEach((value, index) =>
    add('headerValue', value, `identity.headerValues[${index}]`),
  );
  return claims;
}

/** What changes from the claims of one spec to those of the next. */
export function compareClaims(
  tenantId: string,
  before: TenantSpec | null,
  after: TenantSpec | null,
): ClaimChange {
  const old = claimsOf(before);
  const wanted = claimsOf(after);
  return {
    tenantId,
    added: [...wanted].filter(([key]) => !old.has(key)).map(([, claim]) => claim),
    removed: [...old].filter(([key]) => !wanted.has(key)).map(([, claim]) => claim),
  };
}

/**
 * Finds claims that another tenant holds already, or the candidate of its rollout, or that two tenants of this change both want. The
 * faults name the contested value, not its owner.
 */
export async function checkClaims(
  db: Kysely<Tables>,
  changes: readonly ClaimChange[],
): Promise<LocatedFault[]> {
  const released = new Set(
    changes.flatMap(({ removed }) => removed.map(({ kind, value }) => claimKey(kind, value))),
  );
  const taken = new Set<string>();
  const wanted = changes.flatMap(({ tenantId, added }) =>
    added.map((claim) => ({ tenantId, ...claim })),
  );
  for (const chunk of inChunks(wanted)) {
    const kinds = chunk.map(({ kind }) => kind);
    const values = chunk.map(({ value }) => value);
    const { rows } = await sql<{ kind: Claim['kind']; value: string }>`
      select kind, value from claims
      where (kind, value) in (select * from unnest(${kinds}::text[], ${values}::text[]))
    `.execute(db);
    for (const { kind, value } of rows) {
      if (!released.has(claimKey(kind, value))) taken.add(claimKey(kind, value));
    }
  }
  const candidates = await claimsOfCandidates(db, wanted);
  const faults: LocatedFault[] = [];
  for (const { tenantId, kind, value, path } of wanted) {
    const key = claimKey(kind, value);
    const isOfCandidate = (candidates.get(key) ?? tenantId) !== tenantId;
    if (taken.has(key) || isOfCandidate) {
      const rule = `the ${NAMES[kind]} belongs to another tenant`;
      faults.push({
        kind: 'tenant',
        tenantId: null,
        id: tenantId,
        path,
        value,
        rule,
        conflict: true,
      });
    }
    taken.add(key);
  }
  return faults;
}

/** Which tenants' candidates, in open rollouts, hold what is wanted. Each value is of one of them, as they pass this check too. */
async function claimsOfCandidates(
  db: Kysely<Tables>,
  wanted: readonly Claim[],
): Promise<ReadonlyMap<string, string>> {
  const holders = new Map<string, string>();
  for (const chunk of inChunks(wanted)) {
    // A prefix is written with or without the last slash.
    const values = chunk.flatMap(({ kind, value }) =>
      kind === 'pathPrefix' ? [value, `${value}/`] : [value],
    );
    for (const { tenantId, identity } of await candidateIdentities(db, values)) {
      for (const key of claimsOf({ identity }).keys()) holders.set(key, tenantId);
    }
  }
  return holders;
}

/** Writes the claims; {@link checkClaims} has passed, and the primary key refuses what raced it. */
export async function writeClaims(
  db: Kysely<Tables>,
  changes: readonly ClaimChange[],
): Promise<void> {
  const removed = changes.flatMap((change) => change.removed);
  for (const chunk of inChunks(removed)) {
    const kinds = chunk.map(({ kind }) => kind);
    const values = chunk.map(({ value }) => value);
    await sql`
      delete from claims
      where (kind, value) in (select * from unnest(${kinds}::text[], ${values}::text[]))
    `.execute(db);
  }
  const added = changes
    .flatMap(({ tenantId, added: claims }) => claims.map((claim) => ({ tenantId, ...claim })))
    .sort((a, b) => (claimKey(a.kind, a.value) < claimKey(b.kind, b.value) ? -1 : 1));
  for (const chunk of inChunks(added)) {
    await sql`
      insert into claims (kind, value, tenant_id)
      select * from unnest(
        ${chunk.map(({ kind }) => kind)}::text[],
        ${chunk.map(({ value }) => value)}::text[],
        ${chunk.map(({ tenantId }) => tenantId)}::text[]
      )
    `.execute(db);
  }
}

function claimKey(kind: Claim['kind'], value: string): string {
  return `${kind} ${value}`;
}
