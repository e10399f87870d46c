import { isNeededByTenants, kindOfKey } from '@headgate/model';
import type { Bus } from './bus.ts';
import { GET_KEYS_MAX, ListReply, type GetRequest, type ListRequest } from './config-messages.ts';
import { DigestMessage } from './config-digest.ts';
import { decodeGetReply } from './get-reply.ts';
import type { HeldDocuments } from './held-documents.ts';
import { encodeMessage, parseMessage } from './parse-message.ts';
import { subjects } from './subjects.ts';

/** How a repair ended. 'no-answer': the config-service is away, overloaded or not understood. */
export type RepairOutcome = 'done' | 'no-answer' | 'foreign-epoch';

/** What a repair does to its feed. */
export interface RepairTarget {
  readonly held: HeldDocuments;
  /** Takes an encoded document as if it had come through the watch. */
  receive(key: string, bytes: Uint8Array): void;
  /** The config-service does not have `key`, as of `revision`. */
  removeAbsent(key: string, revision: number): void;
}

const REQUEST_TIMEOUT_MS = 3000;
/** Pages and rounds are bounded, so that a confused responder cannot keep a repair going. */
const PAGES_MAX = 200;

/** Asks the config-service for the digest of its database; null if it does not answer. */
export async function requestDigest(bus: Bus): Promise<DigestMessage | null> {
  const reply = await bus.request(subjects.configDigestGet, new Uint8Array(), REQUEST_TIMEOUT_MS);
  if (!reply.ok) return null;
  const parsed = parseMessage(DigestMessage, reply.data);
  return parsed.ok ? parsed.value : null;
}

/**
 * Makes the given digest buckets equal to the config-service's database: drops what is not there, and fetches what is missing
 * or older here. What tenants need is fetched first, from whichever bucket: an edge refuses a tenant whose plan it does not know.
 */
export async function repairBuckets(
  bus: Bus,
  target: RepairTarget,
  epoch: string,
  buckets: readonly number[],
): Promise<RepairOutcome> {
  const needed: string[] = [];
  const others: string[][] = [];
  for (const bucket of buckets) {
    const listed = await listBucket(bus, bucket);
    if (listed === null) return 'no-answer';
    if (listed.epoch !== epoch) return 'foreign-epoch';
    for (const [key, revision] of target.held.inBucket(bucket)) {
      // A document newer than the list may have been created after the list was made.
      if (!listed.entries.has(key) && revision <= listed.revision) {
        target.removeAbsent(key, listed.revision);
      }
    }
    const ofTenants: string[] = [];
    for (const [key, revision] of listed.entries) {
      if ((target.held.liveRevision(key) ?? -1) < revision) {
        (isNeeded(key) ? needed : ofTenants).push(key);
      }
    }
    others.push(ofTenants);
  }
  for (const keys of [needed, ...others]) {
    if (!(await fetchDocuments(bus, target, keys))) return 'no-answer';
  }
  return 'done';
}

function isNeeded(key: string): boolean {
  const kind = kindOfKey(key);
  return kind !== null && isNeededByTenants(kind);
}

interface Listed {
  readonly epoch: string;
  /** The lowest of all pages: what is newer than this may be unknown to one of them. */
  readonly revision: number;
  readonly entries: ReadonlyMap<string, number>;
}

async function listBucket(bus: Bus, bucket: number): Promise<Listed | null> {
  const entries = new Map<string, number>();
  let after: string | null = null;
  let epoch: string | null = null;
  let revision = Infinity;
  for (let page = 0; page < PAGES_MAX; page++) {
    const request: ListRequest = { v: 1, bucket, after };
    const reply = await bus.request(
      subjects.configList,
      encodeMessage(request),
      REQUEST_TIMEOUT_MS,
    );
    if (!reply.ok) return null;
    const parsed = parseMessage(ListReply, reply.data);
    if (!parsed.ok) return null;
    const listed = parsed.value;
    epoch ??= listed.epoch;
    if (listed.epoch !== epoch) return null;
    revision = Math.min(revision, listed.revision);
    for (const [key, held] of listed.entries) entries.set(key, held);
    if (listed.next === null) return { epoch, revision, entries };
    after = listed.next;
  }
  return null;
}

async function fetchDocuments(
  bus: Bus,
  target: RepairTarget,
  keys: readonly string[],
): Promise<boolean> {
  let wanted = keys;
  while (wanted.length > 0) {
    const asked = wanted.slice(0, GET_KEYS_MAX);
    const request: GetRequest = { v: 1, keys: [...asked] };
    const reply = await bus.request(subjects.configGet, encodeMessage(request), REQUEST_TIMEOUT_MS);
    const decoded = reply.ok ? decodeGetReply(reply.data) : null;
    if (decoded === null) return false;
    for (const [key, bytes] of decoded.documents) target.receive(key, bytes);
    const remaining = new Set(decoded.remaining);
    const again = asked.filter((key) => remaining.has(key));
    if (again.length === asked.length) return false;
    wanted = [...again, ...wanted.slice(asked.length)];
  }
  return true;
}
