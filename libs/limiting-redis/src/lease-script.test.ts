import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { compileChain } from '@headgate/limiting';
import {
  leaseRun,
  leaseSchedules,
  propertyOptions,
  runOnModel,
} from '@headgate/limiting/lease-case';
import { createScriptHarness } from '../test/script-harness.ts';

const SEED = 20_261_121;
const scripts = await createScriptHarness();

test('the script leases as the TypeScript algorithm does, number for number, over 500 schedules', async () => {
  await fc.assert(
    fc.asyncProperty(leaseSchedules({ clockSteps: false, losses: true }), async (schedule) => {
      const { calls, replies } = runOnModel(schedule);
      assert.deepEqual(await scripts.play(calls), replies);
    }),
    propertyOptions(500, SEED),
  );
});

test('the script keeps the promise with leases while its clock steps back, over 100 schedules', async () => {
  await fc.assert(
    fc.asyncProperty(leaseSchedules({ clockSteps: true, losses: false }), async (schedule) => {
      await scripts.playRun(leaseRun(schedule));
    }),
    propertyOptions(100, SEED),
  );
});

test('what was taken for at once is given back also to the key that it made; a lease is not, nor anything to a younger key', async () => {
  const chain = compileChain('acme', [
    {
      name: 'sec',
      level: 'tenant',
      scope: '',
      limit: 1000,
      windowMs: 60_000,
      onStoreLoss: 'share',
    },
  ]);
  const clockUs = 1_000_000_000_000;
  const madeMs = clockUs / 1000;
  const remainingAfter = async (atMs: number, endMs: number): Promise<number | undefined> => {
    const lease = { amount: 0, returned: [{ amount: 1, madeMs: atMs, endMs }] };
    const [, reply] = await scripts.take([
      { item: { chain, cost: 1, units: 1 }, clockUs, empties: true },
      { item: { chain, cost: 1, units: 0, lease }, clockUs: clockUs + 1000 },
    ]);
    return reply?.remaining[0];
  };
  assert.equal(await remainingAfter(madeMs, madeMs), 1000);
  assert.equal(await remainingAfter(madeMs, madeMs + 50), 999);
  assert.equal(await remainingAfter(madeMs - 1, madeMs - 1), 999);
});
