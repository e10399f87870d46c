import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { compileChain, type BatchItem, type LimitChain, type WindowRule } from '@headgate/limiting';
import { busiestWindow, propertyOptions, type Admission } from '@headgate/limiting/store-case';
import { createScriptHarness, readReplies } from '../test/script-harness.ts';
import { takeCalls } from './script-calls.ts';

const WINDOW_MS = 1000;

/** What a charge may stay longer than the window: its bucket. */
const BUCKET_MS = 20;

const scripts = await createScriptHarness();

/** The limit with its classes: what critical, normal and bulk requests leave to others. */
interface Classes {
  readonly limit: number;
  readonly chains: readonly LimitChain[];
  readonly caps: readonly number[];
}

function classesOf(limit: number, normal: number, bulk: number): Classes {
  const rule: WindowRule = {
    ...{ name: 'sec', level: 'tenant', scope: '', limit, windowMs: WINDOW_MS },
    onStoreLoss: 'share',
  };
  const headrooms = [0, normal, bulk];
  return {
    limit,
    chains: headrooms.map((headroom) => compileChain('acme', [{ ...rule, headroom }])),
    caps: headrooms.map((headroom) => limit - headroom),
  };
}

/** Calls of several entries, after some time each. */
const schedules = fc.record({
  /** Counted exactly, and in buckets. */
  classes: fc.oneof(
    fc
      .tuple(fc.integer({ min: 0, max: 4 }), fc.integer({ min: 4, max: 9 }))
      .map(([normal, bulk]) => classesOf(10, normal, bulk)),
    fc
      .tuple(fc.integer({ min: 0, max: 60 }), fc.integer({ min: 60, max: 199 }))
      .map(([normal, bulk]) => classesOf(200, normal, bulk)),
  ),
  calls: fc.array(
    fc.record({
      afterMs: fc.integer({ min: 0, max: 400 }),
      entries: fc.array(
        fc.record({
          priority: fc.integer({ min: 0, max: 2 }),
          cost: fc.integer({ min: 1, max: 3 }),
          /** Of a tenth of the limit. */
          tenths: fc.integer({ min: 1, max: 8 }),
        }),
        { minLength: 1, maxLength: 4 },
      ),
    }),
    { minLength: 5, maxLength: 30 },
  ),
});

/** What the trailing window of a length holds at a time. */
function usedIn(admissions: readonly Admission[], nowMs: number, lengthMs: number): number {
  let sum = 0;
  for (const { timeMs, cost } of admissions) if (timeMs > nowMs - lengthMs) sum += cost;
  return sum;
}

test('bulk never lifts a window above its cap, critical requests pass while the limit has room, over 500 schedules', async () => {
  let refused = 0;
  let beyond = 0;
  await fc.assert(
    fc.asyncProperty(schedules, async ({ classes, calls }) => {
      const { limit, chains, caps } = classes;
      let nowMs = 1_700_000_000_000;
      const steps = calls.map(({ afterMs, entries }, index) => {
        nowMs += afterMs;
        const items = entries.map(({ priority, cost, tenths }): BatchItem => {
          const chain = chains[priority] ?? assert.fail();
          return { chain, cost, units: Math.ceil((tenths * limit) / 10 / cost) };
        });
        const [call = assert.fail()] = takeCalls(items);
        const step = { script: 'take', call, clockUs: nowMs * 1000, empties: index === 0 } as const;
        return { step, items, nowMs };
      });
      const replies = await scripts.run(steps.map(({ step }) => step));
      const admissions: Admission[] = [];
      for (const [index, { step, items, nowMs: timeMs }] of steps.entries()) {
        const answers = readReplies(step.call, items, replies[index]);
        for (const [position, { chain, cost, units }] of items.entries()) {
          const granted = answers[position]?.granted ?? assert.fail();
          const priority = chains.indexOf(chain);
          const cap = caps[priority] ?? assert.fail();
          if (granted > 0) admissions.push({ timeMs, cost: granted * cost });
          const used = usedIn(admissions, timeMs, WINDOW_MS);
          if (granted > 0) assert.ok(used <= cap, `${used} used, class ${priority} up to ${cap}`);
          if (priority === 0 && used > (caps[2] ?? 0)) beyond += 1;
          if (granted === units) continue;
          refused += 1;
          // Exact windows forget a charge when the millisecond after the window has come.
          const late = usedIn(admissions, timeMs, WINDOW_MS + BUCKET_MS + 1);
          assert.ok(late + cost > cap, `refused at ${late} of ${cap}`);
        }
      }
      assert.ok(busiestWindow(admissions, WINDOW_MS) <= limit);
    }),
    propertyOptions(500, 20_261_122),
  );
  assert.ok(refused > 100 && beyond > 100);
});
