import type { BatchItem, ItemReply, ReplayItem } from '@headgate/limiting';

/** One script call: the keys of one tenant, hence of one Redis Cluster slot. */
export interface ScriptCall {
  /** Positions of its items in the batch. */
  readonly positions: number[];
  readonly keys: string[];
  readonly values: string[];
}

/** Entries per script call: a script blocks Redis while it runs, about 10 µs per entry of two rules. */
const ENTRIES_MAX = 64;

/** Splits a batch into one take call per tenant (more for very many entries), in order of first arrival. */
export function takeCalls(items: readonly BatchItem[]): ScriptCall[] {
  const calls = new CallGrouping();
  for (let position = 0; position < items.length; position += 1) {
    const item = items[position];
    if (item === undefined) break;
    const { chain, units, cost } = item;
    const call = calls.obtain(chain.tenantTag, position);
    for (const key of chain.storeKeys) call.keys.push(key);
    call.values.push(String(units), String(cost), String(chain.storeKeys.length));
    for (const argument of chain.storeArguments) call.values.push(argument);
  }
  return calls.calls;
}

/** Splits a replay into one call per tenant. */
export function replayCalls(items: readonly ReplayItem[]): ScriptCall[] {
  const calls = new CallGrouping();
  for (const [position, { rule, tenantTag, charges }] of items.entries()) {
    const call = calls.obtain(tenantTag, position);
    call.keys.push(rule.key);
    if (rule.kind === 'rate') {
      const cost = charges.reduce((sum, charge) => sum + charge.cost, 0);
      call.values.push(...rule.storeArguments, String(cost));
      continue;
    }
    call.values.push(String(rule.bucketMs), String(rule.bucketCount), String(charges.length));
    for (const { ageMs, cost } of charges) call.values.push(String(ageMs), String(cost));
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
 * Reads the flat reply of `take.lua` into `replies`, at the items' positions.
 * Returns null if it has another form.
 */
export function readTakeReply(
  call: ScriptCall,
  items: readonly BatchItem[],
  reply: unknown,
  replies: ItemReply[],
): TakeReply | null {
  if (!isIntegers(reply)) return null;
  let cursor = 1;
  for (const position of call.positions) {
    const rules = items[position]?.chain.rules.length ?? 0;
    if (cursor + 1 + 2 * rules > reply.length) return null;
    const granted = reply[cursor] ?? 0;
    const remaining: number[] = [];
    const resetMs: number[] = [];
    for (let rule = 0; rule < rules; rule += 1) {
      remaining.push(reply[cursor + 1 + 2 * rule] ?? 0);
      resetMs.push(reply[cursor + 2 + 2 * rule] ?? 0);
    }
    replies[position] = { granted, remaining, resetMs };
    cursor += 1 + 2 * rules;
  }
  return { clockMs: reply[0] ?? 0, resetKeys: keysAt(call, reply.slice(cursor)) };
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

  obtain(tenantTag: string, position: number): ScriptCall {
    let call = this.#open.get(tenantTag);
    if (call === undefined || call.positions.length >= ENTRIES_MAX) {
      call = { positions: [], keys: [], values: [] };
      this.#open.set(tenantTag, call);
      this.calls.push(call);
    }
    call.positions.push(position);
    return call;
  }
}
