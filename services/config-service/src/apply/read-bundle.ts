import {
  ApiKeyId,
  Bundle,
  BundleApiKey,
  CertificateId,
  CertificateSpec,
  countFaults,
  describeFaults,
  JwtIssuerId,
  JwtIssuerSpec,
  PlanId,
  PlanSpec,
  RouteId,
  RouteSpec,
  SharedUpstreamId,
  TenantBundle,
  TenantId,
  UpstreamId,
  UpstreamSpec,
  type Fault,
} from '@headgate/model';
import { z } from 'zod';
import { inSlices } from '../http/in-slices.ts';
import { countMembers } from '../http/json-survey.ts';
import { FAULTS_MAX } from '../http/problems.ts';
import { accept, refuse, type Outcome } from '../store/outcome.ts';
import { isRecord } from './is-record.ts';

type Raw = Readonly<Record<string, unknown>>;

/** An upstream of 1,024 endpoints has 3,100 members; a schema takes 2 µs for each that it does not know. */
const MEMBERS_MAX = 20_000;
/** Of what a frame holds an object that is looked at entry by entry. */
const Entries = z.record(z.string(), z.unknown()).default({});
const BundleFrame = Bundle.extend({ plans: Entries, upstreams: Entries, tenants: Entries });
const SECTIONS = ['plans', 'upstreams', 'tenants'];
const TenantFrame = TenantBundle.extend({
  upstreams: Entries,
  jwtIssuers: Entries,
  routes: Entries,
  apiKeys: Entries,
  certificates: Entries,
});
/** What belongs to a tenant, and the schemas of its ids and of what they name. */
const COLLECTIONS = [
  ['upstreams', UpstreamId, UpstreamSpec],
  ['jwtIssuers', JwtIssuerId, JwtIssuerSpec],
  ['routes', RouteId, RouteSpec],
  ['apiKeys', ApiKeyId, BundleApiKey],
  ['certificates', CertificateId, CertificateSpec],
] as const;
const COLLECTION_NAMES = COLLECTIONS.map(([name]) => name);

/**
 * Reads a bundle as its schema does, but entry by entry with turns of the event loop in between: 64 MiB take the schema
 * some ten seconds in one go. It ends after {@link FAULTS_MAX} faults, and looks at nothing of a tenant that has too much of a kind.
 */
export function readBundle(raw: unknown): Promise<Outcome<Bundle>> {
  return inSlices(readSteps(raw));
}

function* readSteps(raw: unknown): Generator<undefined, Outcome<Bundle>> {
  const reader = new EntryReader();
  const frame = yield* reader.read(BundleFrame, framed(raw, SECTIONS), '');
  const plans = yield* readEntries(reader, PlanId, entriesOf(raw, 'plans'), 'plans', (value, at) =>
    reader.read(PlanSpec, value, at),
  );
  const upstreams = yield* readEntries(
    reader,
    SharedUpstreamId,
    entriesOf(raw, 'upstreams'),
    'upstreams',
    (value, at) => reader.read(UpstreamSpec, value, at),
  );
  const tenants = yield* readEntries(
    reader,
    TenantId,
    entriesOf(raw, 'tenants'),
    'tenants',
    (value, at) => readTenant(reader, value, at),
  );
  if (reader.faults.length > 0) return refuse({ reason: 'invalid', faults: reader.faults });
  // Each part was parsed with its schema, and there was no fault.
  return accept({ ...(frame as object), plans, upstreams, tenants } as Bundle);
}

function* readTenant(reader: EntryReader, raw: unknown, at: string): Generator<undefined, unknown> {
  const counts = {
    upstreams: Object.keys(entriesOf(raw, 'upstreams')).length,
    routes: Object.keys(entriesOf(raw, 'routes')).length,
    jwtIssuers: Object.keys(entriesOf(raw, 'jwtIssuers')).length,
    apiKeys: Object.keys(entriesOf(raw, 'apiKeys')).length,
    certificates: Object.keys(entriesOf(raw, 'certificates')).length,
  };
  const tooMany = countFaults(counts).map(({ path, ...fault }) => ({
    path: `${at}.${path}`,
    ...fault,
  }));
  reader.faults.push(...tooMany);
  if (tooMany.length > 0) return undefined;
  const frame = yield* reader.read(TenantFrame, framed(raw, COLLECTION_NAMES), at);
  const nested: Record<string, unknown> = {};
  for (const [name, key, schema] of COLLECTIONS) {
    const path = `${at}.${name}`;
    nested[name] = yield* readEntries(reader, key, entriesOf(raw, name), path, (value, place) =>
      reader.read(schema, value, place),
    );
  }
  return { ...(frame as object), ...nested };
}

function* readEntries(
  reader: EntryReader,
  key: z.ZodType,
  entries: Raw,
  path: string,
  read: (value: unknown, at: string) => Generator<undefined, unknown>,
): Generator<undefined, Raw> {
  const values: Record<string, unknown> = {};
  for (const [id, value] of Object.entries(entries)) {
    if (reader.isFull) break;
    const at = `${path}.${id}`;
    if (reader.accepts(key, id, at)) values[id] = yield* read(value, at);
  }
  return values;
}

/** Reads values with their schemas, and gathers what is wrong with them. */
class EntryReader {
  readonly faults: Fault[] = [];

  /** There are more faults than a reply shows. */
  get isFull(): boolean {
    return this.faults.length > FAULTS_MAX;
  }

  /** Undefined if there is a fault. Others may go on before it begins. */
  *read(schema: z.ZodType, raw: unknown, path: string): Generator<undefined, unknown> {
    yield;
    const members = countMembers(raw);
    if (members > MEMBERS_MAX) {
      const rule = `has ${members} members in all, at most ${MEMBERS_MAX} are possible`;
      this.faults.push({ path, rule });
      return undefined;
    }
    const result = schema.safeParse(raw);
    if (result.success) return result.data;
    this.faults.push(...describeFaults(result.error, raw, path));
    return undefined;
  }

  accepts(key: z.ZodType, id: string, path: string): boolean {
    const result = key.safeParse(id);
    if (result.success) return true;
    this.faults.push({ path, rule: result.error.issues.map(({ message }) => message).join('; ') });
    return false;
  }
}

/** An object whose collections are empty. What is no object stays what it is, for the schema to refuse. */
function framed(raw: unknown, names: readonly string[]): unknown {
  if (!isRecord(raw)) return raw;
  const frame: Record<string, unknown> = { ...raw };
  for (const name of names) if (isRecord(frame[name])) frame[name] = {};
  return frame;
}

/** What JSON holds under a name; nothing if it is no object, such as a list: the schema says what it is to be. */
export function entriesOf(raw: unknown, name: string): Raw {
  const entries = isRecord(raw) ? raw[name] : undefined;
  return isRecord(entries) ? entries : {};
}
