import {
  ApiKeyId,
  Bundle,
  BundleApiKey,
  countFaults,
  describeFaults,
  PlanId,
  PlanSpec,
  RouteId,
  RouteSpec,
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

type Raw = Readonly<Record<string, unknown>>;

/** An upstream of 1,024 endpoints has 3,100 members; a schema takes 2 µs for each that it does not know. */
const MEMBERS_MAX = 20_000;
/** Of what a frame holds an object that is looked at entry by entry. */
const Entries = z.record(z.string(), z.unknown()).default({});
const BundleFrame = Bundle.extend({ plans: Entries, tenants: Entries });
const TenantFrame = TenantBundle.extend({ upstreams: Entries, routes: Entries, apiKeys: Entries });
/** What belongs to a tenant, and the schemas of its ids and of what they name. */
const COLLECTIONS = [
  ['upstreams', UpstreamId, UpstreamSpec],
  ['routes', RouteId, RouteSpec],
  ['apiKeys', ApiKeyId, BundleApiKey],
] as const;

/**
 * Reads a bundle as its schema does, but entry by entry with turns of the event loop in between: 64 MiB take the schema
 * some ten seconds in one go. It ends after {@link FAULTS_MAX} faults, and looks at nothing of a tenant that has too much of a kind.
 */
export function readBundle(raw: unknown): Promise<Outcome<Bundle>> {
  return inSlices(readSteps(raw));
}

function* readSteps(raw: unknown): Generator<undefined, Outcome<Bundle>> {
  const reader = new EntryReader();
  const frame = reader.read(BundleFrame, framed(raw, ['plans', 'tenants']), '');
  const plans = yield* readEntries(reader, PlanId, entriesOf(raw, 'plans'), 'plans', (value, at) =>
    reader.read(PlanSpec, value, at),
  );
  const tenants: Record<string, unknown> = {};
  for (const [id, value] of Object.entries(entriesOf(raw, 'tenants'))) {
    yield;
    if (reader.isFull) break;
    const at = `tenants.${id}`;
    if (!reader.accepts(TenantId, id, at)) continue;
    tenants[id] = yield* readTenant(reader, value, at);
  }
  if (reader.faults.length > 0) return refuse({ reason: 'invalid', faults: reader.faults });
  // Each part was parsed with its schema, and there was no fault.
  return accept({ ...(frame as object), plans, tenants } as Bundle);
}

function* readTenant(reader: EntryReader, raw: unknown, at: string): Generator<undefined, unknown> {
  const counts = {
    upstreams: Object.keys(entriesOf(raw, 'upstreams')).length,
    routes: Object.keys(entriesOf(raw, 'routes')).length,
    apiKeys: Object.keys(entriesOf(raw, 'apiKeys')).length,
  };
  const tooMany = countFaults(counts).map(({ path, ...fault }) => ({
    path: `${at}.${path}`,
    ...fault,
  }));
  reader.faults.push(...tooMany);
  if (tooMany.length > 0) return undefined;
  const names = COLLECTIONS.map(([name]) => name);
  const frame = reader.read(TenantFrame, framed(raw, names), at);
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
  read: (value: unknown, at: string) => unknown,
): Generator<undefined, Raw> {
  const values: Record<string, unknown> = {};
  for (const [id, value] of Object.entries(entries)) {
    yield;
    if (reader.isFull) break;
    const at = `${path}.${id}`;
    if (reader.accepts(key, id, at)) values[id] = read(value, at);
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

  /** Undefined if there is a fault. */
  read(schema: z.ZodType, raw: unknown, path: string): unknown {
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
  if (!isObject(raw)) return raw;
  const frame: Record<string, unknown> = { ...raw };
  for (const name of names) if (isObject(frame[name])) frame[name] = {};
  return frame;
}

function entriesOf(raw: unknown, name: string): Raw {
  const entries = isObject(raw) ? raw[name] : undefined;
  return isObject(entries) ? entries : {};
}

function isObject(value: unknown): value is Raw {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
