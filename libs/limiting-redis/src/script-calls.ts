import type {
  BatchItem,
  BodyBytes,
  BytesReturn,
  CompiledQuota,
  ItemReply,
  LaterLease,
  LeaseAsk,
  LimitChain,
  ReplayItem,
  SlotClaim,
  SlotRenewal,
} from '@headgate/limiting';

/** One script call: keys that live on the same server. */
export interface ScriptCall {
  /** Positions of its items in the batch. */
  readonly positions: number[];
  readonly keys: string[];
  readonly values: string[];
}

/** Entries per script call: a script blocks Redis while it runs, about 10 µs per entry of two rules. */
const ENTRIES_MAX = 64;

/** Keys per script call; only chains of very many rules reach it, and one chain may alone. */
const KEYS_MAX = 256;

/** Names the group of keys that one script call may touch, from the part of the keys that decides their slot. */
export type GroupOf = (tenantTag: string) => string;

/** Without Redis Cluster all keys are on one server; a cluster needs a group per slot. */
const ONE_SERVER: GroupOf = () => '';

/**
 * Splits a batch into take calls, in order of arrival: one call for all tenants of a group, more for very many entries.
 * The items of a tenant stay in order, because calls are sent in order.
 *
 * @param clockMs about what Redis's clock shows: quotas, and nothing else, need the calendar around it.
 */
export function takeCalls(
  items: readonly BatchItem[],
  groupOf = ONE_SERVER,
  clockMs = 0,
): ScriptCall[] {
  const calls = new CallGrouping(groupOf);
  for (let position = 0; position < items.length; position += 1) {
    const item = items[position];
    if (item === undefined) break;
    const { chain, units, cost, lease, bytes = null } = item;
    const call = calls.obtain(chain.tenantTag, chain.storeKeys.length, position);
    for (const key of chain.storeKeys) call.keys.push(key);
    if (lease !== undefined) pushLease(call, chain, lease);
    if (bytes !== null) pushBytes(call, bytes, item.returned ?? []);
    call.values.push(String(units), String(cost), String(chain.storeKeys.length));
    if (chain.hasSlots || chain.hasQuotas) pushByRule(call, item, clockMs);
    else for (const argument of chain.storeArguments) call.values.push(argument);
  }
  return calls.calls;
}

function pushLease(
  { values }: ScriptCall,
  chain: LimitChain,
  { amount, returned, isFlood = false }: LeaseAsk,
): void {
  if (chain.leaseSpans === null) {
    throw new RangeError(`the limits of tenant ${chain.tenantId} cannot be leased`);
  }
  const { farMs, longMs, shortMs, gatherMs, floodMs, aheadMs } = chain.leaseSpans;
  values.push('l', String(amount), String(farMs), String(longMs));
  values.push(String(isFlood ? floodMs : shortMs), String(gatherMs), String(isFlood ? aheadMs : 0));
  values.push(String(returned.length));
  for (const each of returned) {
    values.push(String(each.amount), String(each.madeMs), String(each.endMs));
  }
}

function pushBytes(
  { values }: ScriptCall,
  { request, response }: BodyBytes,
  returned: readonly BytesReturn[],
): void {
  values.push('b', String(request), String(response), String(returned.length));
  for (const each of returned) {
    values.push(String(each.request), String(each.response), String(each.madeMs));
  }
}

/** As the chain's store arguments, but slots are followed by the claim that goes with them, quotas by the calendar. */
function pushByRule(call: ScriptCall, { chain, slots = [] }: BatchItem, clockMs: number): void {
  let position = 0;
  for (const compiled of chain.compiled) {
    call.values.push(...compiled.storeArguments);
    if (compiled.kind === 'quota') pushCalendar(call, compiled, clockMs);
    if (compiled.kind !== 'concurrency') continue;
    const claim = slots[position];
    if (claim === undefined)
      throw new RangeError(`a take of tenant ${chain.tenantId} lacks a claim`);
    pushClaim(call, claim);
    position += 1;
  }
}

function pushCalendar(call: ScriptCall, { calendar }: CompiledQuota, clockMs: number): void {
  for (const edgeMs of calendar.edgesAt(clockMs)) call.values.push(String(edgeMs));
}

function pushClaim(call: ScriptCall, { holderId, epoch, granted, released }: SlotClaim): void {
  call.values.push(holderId, String(epoch), String(granted), String(released));
}

/** Splits renewals as `takeCalls` does a batch. */
export function renewalCalls(renewals: readonly SlotRenewal[], groupOf = ONE_SERVER): ScriptCall[] {
  const calls = new CallGrouping(groupOf);
  for (const [position, { key, tenantTag, claim }] of renewals.entries()) {
    const call = calls.obtain(tenantTag, 1, position);
    call.keys.push(key);
    pushClaim(call, claim);
  }
  return calls.calls;
}

/**
 * Splits a replay as `takeCalls` does a batch.
 *
 * @param id names the replay if it may be sent again: each call has a key that remembers it.
 */
export function replayCalls(
  items: readonly ReplayItem[],
  groupOf = ONE_SERVER,
  clockMs = 0,
  id?: string,
): ScriptCall[] {
  const calls = new CallGrouping(groupOf);
  for (const [position, { rule, tenantTag, charges, quota }] of items.entries()) {
    if (rule.kind === 'concurrency') continue; // slots are claimed, never replayed
    const call = calls.obtain(tenantTag, 1, position);
    call.keys.push(rule.key);
    const cost = charges.reduce((sum, charge) => sum + charge.cost, 0);
    if (rule.kind === 'quota') {
      call.values.push('q');
      pushCalendar(call, rule, clockMs);
      const { startMs, used, returned } = quota ?? { startMs: 0, used: 0, returned: 0 };
      call.values.push(String(startMs), String(used), String(returned), String(cost));
      continue;
    }
    if (rule.kind === 'rate') {
      // With the whole burst, whichever class came last: less would forget what the others were admitted.
      const { limit, windowMs, burst } = rule.rule;
      call.values.push('r', String(limit), String(windowMs), String(burst), String(cost));
      continue;
    }
    call.values.push(String(rule.bucketMs), String(rule.bucketCount), String(charges.length));
    for (const charge of charges) call.values.push(String(charge.ageMs), String(charge.cost));
  }
  if (id !== undefined) {
    for (const { keys, values } of calls.calls) {
      keys.push(`${keys[0] ?? ''}:replay:${id}`);
      values.push('once');
    }
  }
  return calls.calls;
}

/** What a take call answered. */
export interface TakeReply {
  /** Redis's clock in ms. */
  readonly clockMs: number;
  /** Keys that held garbage and were reset. */
  readonly resetKeys: readonly string[];
}

/**
 * Reads the flat reply of `take.lua` into `replies`, at the items' positions; null for an item with a closed key.
 * Returns null if it has another form.
 */
export function readTakeReply(
  call: ScriptCall,
  items: readonly BatchItem[],
  reply: unknown,
  replies: (ItemReply | null)[],
): TakeReply | null {
  if (!isIntegers(reply)) return null;
  const [madeMs = 0] = reply;
  let cursor = 1;
  for (const position of call.positions) {
    const item = items[position];
    const rules = item?.chain.rules.length ?? 0;
    const isLeased = item?.lease !== undefined;
    const laterCount = isLeased ? (reply[cursor + 3] ?? 0) : 0;
    const leaseSize = isLeased ? 3 + LATER_NUMBERS * laterCount : 0;
    if (cursor + 1 + leaseSize + 2 * rules > reply.length) return null;
    const granted = reply[cursor] ?? 0;
    const [amount = 0, spanMs = 0] = [reply[cursor + 1], reply[cursor + 2]];
    const later = readLater(reply, cursor + 4, laterCount);
    cursor += leaseSize;
    const remaining: number[] = [];
    const resetMs: number[] = [];
    for (let rule = 0; rule < rules; rule += 1) {
      remaining.push(reply[cursor + 1 + 2 * rule] ?? 0);
      resetMs.push(reply[cursor + 2 + 2 * rule] ?? 0);
    }
    cursor += 1 + 2 * rules;
    const isOfBytes = item !== undefined && countsBytesOfQuotas(item.chain);
    const returned = isOfBytes ? { returned: reply.slice(cursor, cursor + rules) } : {};
    if (isOfBytes) cursor += rules;
    const answer = { madeMs, granted, remaining, resetMs, ...returned };
    const lease = { amount, madeMs, spanMs, ...(laterCount === 0 ? {} : { later }) };
    replies[position] = granted < 0 ? null : isLeased ? { ...answer, lease } : answer;
  }
  return { clockMs: madeMs, resetKeys: keysAt(call, reply.slice(cursor)) };
}

const LATER_NUMBERS = 3;

function readLater(reply: readonly number[], from: number, count: number): LaterLease[] {
  return Array.from({ length: count }, (_, index) => {
    const [startMs = 0, amount = 0, spanMs = 0] = reply.slice(from + LATER_NUMBERS * index);
    return { startMs, amount, spanMs };
  });
}

/** Entries of such chains tell what was given back, too. */
function countsBytesOfQuotas({ hasQuotas, byteSteps, compiled }: LimitChain): boolean {
  if (!hasQuotas || byteSteps === null) return false;
  return compiled.some(({ kind, unit }) => kind === 'quota' && unit !== 'requests');
}

/** The keys that a reply names by their one-based indices. */
export function keysAt(call: ScriptCall, indices: unknown): string[] {
  if (!isIntegers(indices)) return [];
  return indices.map((index) => call.keys[index - 1] ?? '');
}

function isIntegers(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((element) => Number.isSafeInteger(element));
}

class CallGrouping {
  readonly calls: ScriptCall[] = [];
  readonly #open = new Map<string, ScriptCall>();
  readonly #groupOf: GroupOf;

  constructor(groupOf: GroupOf) {
    this.#groupOf = groupOf;
  }

  /** The call for an entry of `keys` keys. */
  obtain(tenantTag: string, keys: number, position: number): ScriptCall {
    const group = this.#groupOf(tenantTag);
    let call = this.#open.get(group);
    if (call === undefined || isFull(call, keys)) {
      call = { positions: [], keys: [], values: [] };
      this.#open.set(group, call);
      this.calls.push(call);
    }
    call.positions.push(position);
    return call;
  }
}

function isFull({ positions, keys }: ScriptCall, more: number): boolean {
  return positions.length >= ENTRIES_MAX || (keys.length > 0 && keys.length + more > KEYS_MAX);
}
