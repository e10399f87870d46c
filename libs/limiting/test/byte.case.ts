import assert from 'node:assert/strict';
import { ruleCost } from '../src/body-bytes.ts';
import type { BodyBytes, BytesReturn, CompiledRule, LimitChain } from '../src/index.ts';
import type { ByteArrival, ByteSchedule } from './byte-schedules.ts';
import type { UsageParts } from './memory-store.ts';
import { runOnMemory, type ScheduleRun } from './model-runs.ts';
import { busiestWindow, type Admission } from './window-oracle.ts';

export { byteSchedules, type ByteSchedule } from './byte-schedules.ts';
export type { ScheduleRun, StoreCall } from './model-runs.ts';
export { propertyOptions } from './property-runs.ts';

/** A time since the epoch at which schedules start, off any round number. */
const START_MS = 1_700_000_123_457;
const HOUR_MS = 3_600_000;

/** What was taken together. */
interface Take {
  readonly chain: LimitChain;
  readonly timeMs: number;
  /** Which hour had begun by the store's clock. */
  readonly hour: number;
  readonly cost: number;
  /** Until it is settled all that was taken, then what passed. */
  bytes: BodyBytes;
  readonly passed: BodyBytes;
  readonly unused: BytesReturn;
}

/**
 * Yields the calls of a schedule, is given their replies, and asserts the promise after each: no window holds more than the
 * limit of what passed, or may still pass. At the end everything is settled; with `asserts.sums` what is left must then
 * be the limits less what passed.
 */
export function* byteRun(
  { chains, arrivals }: ByteSchedule,
  asserts: { readonly sums: boolean },
): ScheduleRun {
  let trueMs = START_MS;
  let behindMs = 0;
  let latestMs = 0; // what the clock has shown belongs to an hour that has begun
  let takes: Take[] = [];
  let unsettled: Take[] = [];
  for (const arrival of arrivals) {
    trueMs += arrival.advanceMs;
    behindMs += arrival.stepBackMs;
    const chain = chains[arrival.chain];
    if (chain === undefined || neverFits(chain, arrival)) continue;
    if (arrival.empties) takes = [];
    const settled = unsettled.filter((take) => take.chain === chain).slice(0, arrival.settles);
    unsettled = unsettled.filter((take) => !settled.includes(take));
    for (const take of settled) take.bytes = take.passed;
    const { cost, units, request, response, empties } = arrival;
    const returned = settled.map(({ unused }) => unused);
    const item = { chain, cost, units, bytes: { request, response }, returned };
    const clockMs = trueMs - behindMs;
    const { granted } = yield { item, clockMs, empties };
    assert.ok(granted >= 0 && granted <= units);
    if (granted === 0) continue;
    latestMs = Math.max(latestMs, clockMs);
    const hour = Math.floor(latestMs / HOUR_MS);
    const take = takeOf(chain, arrival, granted, { timeMs: trueMs, hour, madeMs: clockMs });
    takes.push(take);
    unsettled.push(take);
    assertWindows(takes);
  }
  for (const chain of chains) {
    const returned = unsettled.flatMap((take) => (take.chain === chain ? [take.unused] : []));
    const bytes = { request: 0, response: 0 };
    const item = { chain, cost: 1, units: 0, bytes, returned };
    yield { item, clockMs: trueMs - behindMs, empties: false };
  }
  if (!asserts.sums) return;
  for (const chain of chains) {
    const item = { chain, cost: 1, units: 0, bytes: { request: 0, response: 0 }, returned: [] };
    const { remaining } = yield { item, clockMs: trueMs - behindMs, empties: false };
    const left = chain.compiled.map(({ key, capacity }) => capacity - passedUnder(key, takes));
    assert.deepEqual(remaining, left);
  }
}

/** Runs a schedule on the algorithm in TypeScript; answers with its calls and replies. */
export function runBytesOnModel(
  schedule: ByteSchedule,
  asserts: { readonly sums: boolean },
  parts?: UsageParts,
) {
  return runOnMemory(byteRun(schedule, asserts), parts);
}

function takeOf(
  chain: LimitChain,
  arrival: ByteArrival,
  granted: number,
  { timeMs, hour, madeMs }: { timeMs: number; hour: number; madeMs: number },
): Take {
  const request = arrival.request * granted;
  const response = arrival.response * granted;
  const passed = {
    request: Math.floor((request * arrival.requestQuarters) / 4),
    response: Math.floor((response * arrival.responseQuarters) / 4),
  };
  return {
    ...{ chain, timeMs, hour, passed, cost: arrival.cost * granted, bytes: { request, response } },
    unused: { request: request - passed.request, response: response - passed.response, madeMs },
  };
}

/** A take that the limiter never sends to a store. */
function neverFits(chain: LimitChain, { cost, request, response }: ByteArrival): boolean {
  const bytes = { request, response };
  return chain.compiled.some((each) => ruleCost(each, cost, bytes) > each.capacity);
}

function assertWindows(takes: readonly Take[]): void {
  const rules = new Map<string, CompiledRule>();
  for (const { chain } of takes) for (const each of chain.compiled) rules.set(each.key, each);
  for (const compiled of rules.values()) {
    const log: Admission[] = [];
    for (const { chain, timeMs, hour, cost, bytes } of takes) {
      if (!chain.storeKeys.includes(compiled.key)) continue;
      const isQuota = compiled.kind === 'quota';
      log.push({ timeMs: isQuota ? hour : timeMs, cost: ruleCost(compiled, cost, bytes) });
    }
    const most = busiestWindow(log, compiled.kind === 'window' ? compiled.rule.windowMs : 1);
    assert.ok(most <= compiled.capacity, `${compiled.key}: ${most} > ${compiled.capacity}`);
  }
}

function passedUnder(key: string, takes: readonly Take[]): number {
  let sum = 0;
  for (const { chain, cost, passed } of takes) {
    const compiled = chain.compiled.find((each) => each.key === key);
    if (compiled !== undefined) sum += ruleCost(compiled, cost, passed);
  }
  return sum;
}
