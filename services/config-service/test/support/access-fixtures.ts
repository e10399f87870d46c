import { sql } from 'kysely';
import { exampleBody, type MatrixOperation } from './access-requests.ts';
import type { TestApi } from './api.ts';

/** Stands in every id and value of a tenant. All are of one length, as are replies about them. */
export const MARKS = { own: 'ownmark', foreign: 'farmark', missing: 'nilmark' } as const;
export type Target = keyof typeof MARKS;
export const TARGETS: readonly Target[] = ['own', 'foreign', 'missing'];

/** Somebody who asks. */
export interface Asker {
  readonly name: string;
  /** Null: the token is not valid. */
  readonly role: string | null;
  /** Whether all tenants are the asker's. */
  readonly isOfAll: boolean;
  readonly token: string;
}

/** What requests are about. */
export interface Fixtures {
  /** Makes again what a request changed. */
  restore(): Promise<void>;
  /** Newest revision of a tenant; of the missing one a number that was never given out. */
  revisionOf(target: Target): number;
  /** Tells whether a byte of any table has changed. */
  digest(): Promise<string>;
}

/** Revisions of six digits: they are no part of another number. */
const FIRST_REVISION = 710_000;
const MISSING_REVISION = 799_999;

/** Makes two tenants out of the example of the bundle, and one token for each role and scope. */
export async function createFixtures(api: TestApi, operations: readonly MatrixOperation[]) {
  const described = (id: string) => {
    const found = operations.find(({ operationId }) => operationId === id);
    if (found === undefined) throw new TypeError(`there is no operation "${id}"`);
    return found;
  };
  const [apply, startRollout] = [described('apply'), described('startRollout')];
  const certificate = described('putCertificate');
  const revisions = new Map<Target, number>([['missing', MISSING_REVISION]]);
  const restoreOne = async (target: Target) => {
    const mark = MARKS[target];
    const tenant = `/v1/tenants/acme-${mark}`;
    await api.send('POST', `${tenant}/rollout/abort`, {});
    await api.send('POST', '/v1/apply', exampleBody(apply, mark, 0, true));
    // Of this limit edges tell: see `access-cluster.ts`.
    const limit = { name: mark, kind: 'quota', limit: 9, period: 'day', per: 'consumer' };
    await api.send('POST', `${tenant}/api-keys/mobile-${mark}`, { name: mark, limits: [limit] });
    const put = exampleBody(certificate, mark, 0, true);
    await api.send('PUT', `${tenant}/certificates/web-${mark}`, put);
    const token = { role: 'tenant_admin', tenants: [`acme-${mark}`], name: mark };
    await api.send('POST', `/v1/access-tokens/ci-${mark}`, token);
    // One that is open would keep every change of the tenant from being made.
    await api.send('POST', `${tenant}/rollout`, exampleBody(startRollout, mark, 0, true));
    await api.send('POST', `${tenant}/rollout/abort`, {});
    const { body } = await api.send('GET', `${tenant}/history?limit=1`);
    const [newest] = body['items'] as readonly { readonly revision: number }[];
    revisions.set(target, newest?.revision ?? 0);
  };
  const tables = await tablesOf(api);
  const fixtures: Fixtures = {
    revisionOf: (target) => revisions.get(target) ?? 0,
    digest: () => digest(api, tables),
    async restore() {
      await restoreOne('own');
      await restoreOne('foreign');
    },
  };
  await sql`select setval('revision_sequence', ${FIRST_REVISION})`.execute(api.database.db);
  await fixtures.restore();
  return { fixtures, askers: await createAskers(api) };
}

/** Whoever may change most comes last, as changes are of no use to the others. */
async function createAskers(api: TestApi): Promise<readonly Asker[]> {
  const make = async (name: string, spec: object) => {
    const path = `/v1/access-tokens/${name}`;
    await api.send('DELETE', path);
    const { status, body } = await api.send('POST', path, spec);
    if (status !== 201) throw new Error(`no token for ${name}: ${JSON.stringify(body)}`);
    return String(body['token']);
  };
  const admin = { role: 'platform_admin' };
  const expired = await make('expired', { ...admin, expiresAt: '2020-01-01T00:00:00Z' });
  const revoked = await make('revoked', admin);
  await api.send('DELETE', '/v1/access-tokens/revoked');
  const own = [`acme-${MARKS.own}`];
  const invalid = { role: null, isOfAll: false };
  const askers: Asker[] = [
    { ...invalid, name: 'nobody', token: '' },
    { ...invalid, name: 'revoked', token: revoked },
    { ...invalid, name: 'expired', token: expired },
  ];
  for (const [name, role, tenants] of [
    ['tenant-viewer', 'viewer', own],
    ['platform-viewer', 'viewer', '*'],
    ['tenant-admin', 'tenant_admin', own],
    ['platform-admin', 'platform_admin', undefined],
  ] as const) {
    askers.push({
      name,
      role,
      isOfAll: tenants !== own,
      token: await make(name, { role, tenants }),
    });
  }
  return askers;
}

/** The names of all tables: a slow question, whose answer stays the same. */
async function tablesOf({ database: { db } }: TestApi): Promise<readonly string[]> {
  const { rows } = await sql<{ name: string }>`
    select table_name as name from information_schema.tables where table_schema = 'public'
    order by 1
  `.execute(db);
  return rows.map(({ name }) => name);
}

/** Sums of hashes, as those need no order. */
async function digest({ database: { db } }: TestApi, tables: readonly string[]): Promise<string> {
  const sums = tables.map(
    (name) => sql`(select sum(hashtextextended(t::text, 0))::text from ${sql.table(name)} as t)`,
  );
  const { rows } = await sql`select ${sql.join(sums)}`.execute(db);
  return JSON.stringify(rows);
}
