import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RolloutPlan } from '@headgate/model';
import { createFakeClock, waitFor } from '@headgate/testkit';
import { accept, refuse, type Outcome } from '../store/outcome.ts';
import type { RolloutStep } from '../store/rollout-steps.ts';
import type { StoredRollout } from '../store/rollouts.ts';
import type { SessionStore } from '../store/session-store.ts';
import { startRolloutController } from './controller.ts';
import type { Observation } from './guard.ts';

const HEALTHY: Observation = {
  ...{ candidate: null, baseline: null, judgement: { verdict: 'healthy' }, fresh: true },
  ...{ edges: [], rejection: null },
};

function stored(tenantId: string, given: Partial<StoredRollout> = {}): StoredRollout {
  return {
    ...{ tenantId, state: 'running', step: 0, revision: 7, finalRevision: null },
    plan: RolloutPlan.parse({ rings: [{ name: 'canary', soakMs: 1000 }], promote: 'auto' }),
    ...{ baseline: null, reason: null, startedAt: new Date(0), startedBy: 'admin' },
    stepAt: new Date(0),
    ...given,
  };
}

/** Looks once at these rollouts; tells which steps were asked for. */
async function look(
  rollouts: readonly StoredRollout[],
  given: {
    held?: boolean;
    published?: boolean;
    answer?: (id: string, step: RolloutStep) => Outcome<StoredRollout>;
    present?: StoredRollout;
  } = {},
) {
  const { held = true, published = true, answer = (id) => accept(stored(id)) } = given;
  const steps: string[] = [];
  const failures: unknown[] = [];
  let looks = 0;
  const session = {
    rollouts: {
      get: () => Promise.resolve(given.present ?? null),
      step(id: string, step: RolloutStep) {
        steps.push(`${id} ${step.action}`);
        return Promise.resolve(answer(id, step));
      },
    },
  };
  const controller = startRolloutController({
    clock: createFakeClock(),
    store: {
      as: () => session as unknown as SessionStore, // nothing else of it is asked for
      unfinishedRollouts: () => Promise.resolve(rollouts),
      isPublished: () => Promise.resolve(published),
    },
    guardian: {
      observe({ tenantId }) {
        if (tenantId === 'bug') throw new TypeError('a bug');
        return HEALTHY;
      },
    },
    lease: {
      get held() {
        looks += 1;
        return held;
      },
    },
    documentBytesMax: () => 1000,
    onCommitted: () => undefined,
    observer: { onStep: () => undefined, onFailure: (error) => failures.push(error) },
  });
  await waitFor(() => looks > 0, { message: 'a look' });
  await controller.close();
  return { steps, failures };
}

test('only the replica with the lease takes steps', async () => {
  assert.deepEqual((await look([stored('a')], { held: false })).steps, []);
  assert.deepEqual((await look([stored('a')])).steps, ['a promote']);
});

test('a rollout ends once what the tenant became is published', async () => {
  const finishing = stored('a', { state: 'finishing', finalRevision: 9 });
  assert.deepEqual((await look([finishing], { published: false })).steps, []);
  assert.deepEqual((await look([finishing])).steps, ['a finish']);
});

test('a fault with one tenant keeps no other from going on', async () => {
  const { steps, failures } = await look([stored('bug'), stored('b')]);
  assert.deepEqual([steps, failures.length], [['b promote'], 1]);
});

test('what can never go on goes back; where somebody was faster nothing happens', async () => {
  const answer = (id: string, step: RolloutStep): Outcome<StoredRollout> =>
    step.action === 'promote'
      ? refuse({ reason: 'conflict', faults: [{ path: 'hosts[0]', rule: 'it is taken' }] })
      : accept(stored(id));
  const same = await look([stored('a')], { answer, present: stored('a') });
  assert.deepEqual(same.steps, ['a promote', 'a end']);
  for (const present of [stored('a', { state: 'paused' }), stored('a', { revision: 8 })]) {
    assert.deepEqual((await look([stored('a')], { answer, present })).steps, ['a promote']);
  }
});
