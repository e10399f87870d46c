import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RolloutPlan } from '@headgate/model';
import type { StoredRollout } from '../store/rollouts.ts';
import { decideStep } from './decide-step.ts';

const START_MS = 1_800_000_000_000;
const rollout: StoredRollout = {
  ...{ tenantId: 'a', state: 'running', step: 0, revision: 7, finalRevision: null },
  plan: RolloutPlan.parse({ rings: [{ name: 'canary', soakMs: 5000 }], promote: 'auto' }),
  ...{ baseline: null, reason: null, startedAt: new Date(START_MS), startedBy: 'admin' },
  stepAt: new Date(START_MS),
};
const healthy = {
  judgement: { verdict: 'healthy' },
  ...{ rejection: null, fresh: true, baseline: null },
} as const;
const failing = { verdict: 'failing', reason: 'it fails' } as const;
const SOAKED_MS = START_MS + 5000;

test('it goes on once it has soaked, is healthy, and edges tell so still', () => {
  const promote = {
    action: 'promote',
    revision: 7,
    from: 'canary',
    evenPaused: false,
    baseline: null,
  };
  assert.deepEqual(decideStep(rollout, healthy, SOAKED_MS), promote);
  assert.equal(decideStep(rollout, healthy, SOAKED_MS - 1), null);
  assert.equal(decideStep(rollout, { ...healthy, fresh: false }, SOAKED_MS), null);
  const waiting = { ...healthy, judgement: { verdict: 'waiting' } } as const;
  assert.equal(decideStep(rollout, waiting, SOAKED_MS), null);
  assert.equal(decideStep({ ...rollout, state: 'paused' }, healthy, SOAKED_MS), null);
  const plan = { ...rollout.plan, promote: 'manual' } as const;
  assert.equal(decideStep({ ...rollout, plan }, healthy, SOAKED_MS), null);
});

test('what fails, or an edge refuses, goes back at once, paused ones too', () => {
  for (const state of ['running', 'paused'] as const) {
    const open = { ...rollout, state };
    const back = (reason: string) => ({ action: 'end', revision: 7, state: 'rolled_back', reason });
    const judged = { ...healthy, judgement: failing };
    assert.deepEqual(decideStep(open, judged, START_MS), back('it fails'));
    const refused = { ...judged, rejection: 'edge e1 cannot serve it' };
    assert.deepEqual(decideStep(open, refused, START_MS), back('edge e1 cannot serve it'));
  }
});
