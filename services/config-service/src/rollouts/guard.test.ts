import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '@headgate/runtime';
import type { BusMessage, EdgePresence, RequestCounts, RolloutCount } from '@headgate/bus';
import { RolloutPlan } from '@headgate/model';
import { createFakeClock } from '@headgate/testkit';
import { Acknowledgements } from '../status/acknowledgements.ts';
import type { SeenMember } from '../status/cluster-view.ts';
import type { StoredRollout } from '../store/rollouts.ts';
import { createRolloutGuardian } from './guard.ts';

const durations = Array.from({ length: 18 }, () => 0);
const counted = (ok: number): RequestCounts => ({ statuses: [0, 0, ok, 0, 0, 0], durations });

const rollout: StoredRollout = {
  ...{ tenantId: 'a', state: 'running', step: 0, revision: 7, finalRevision: null },
  plan: RolloutPlan.parse({ rings: [{ name: 'canary' }] }),
  ...{ baseline: counted(100), reason: null, startedAt: new Date(0), startedBy: 'admin' },
  stepAt: new Date(0),
};

function edge(
  id: string,
  ring: string | undefined,
  given: { live?: boolean; rejected?: EdgePresence['rejected'] } = {},
): SeenMember<EdgePresence> {
  const { live = true, rejected = [] } = given;
  const info = {
    ...{ zone: '', adminAddress: '', revision: 1, documents: 4, synced: true, rejected },
    ...{ workers: 1, startedAt: 1, version: '1', ...(ring === undefined ? {} : { ring }) },
  };
  return { id, live, lastSeenMs: 1, info };
}

function createScene(edges: readonly SeenMember<EdgePresence>[] = []) {
  const clock = createFakeClock();
  let hear: (message: BusMessage) => void = () => undefined;
  const bus = {
    subscribe(_subject: string, onMessage: (message: BusMessage) => void) {
      hear = onMessage;
      return { unsubscribe: () => undefined };
    },
  };
  const view = {
    edges: () => edges,
    acknowledgements: new Acknowledgements(systemClock, () => []),
  };
  const guardian = createRolloutGuardian({ clock }, bus, view);
  const tell = (edgeId: string, count: Omit<RolloutCount, 'tenantId'>) => {
    const message = { v: 1, edgeId, rollouts: [{ tenantId: 'a', ...count }] };
    hear({
      subject: 'x',
      data: Buffer.from(JSON.stringify(message)),
      respond: () => 'disconnected',
    });
  };
  return { clock, guardian, tell };
}

test('a rollout starts only if every live edge knows rings, and each ring has one', () => {
  const canary = edge('e1', 'canary');
  const { guardian } = createScene([
    canary,
    edge('e2', 'default'),
    edge('e3', undefined, { live: false }),
  ]);
  assert.equal(guardian.refuseStart(['canary', 'default']), null);
  assert.match(guardian.refuseStart(['canary', 'west']) ?? '', /no live edge is in ring "west"/);
  const old = createScene([canary, edge('e2', undefined)]).guardian.refuseStart(['canary']);
  assert.match(old ?? '', /^edge e2 runs a release without rollouts/);
  assert.match(createScene().guardian.refuseStart(['canary']) ?? '', /no live edge/);
});

test('requests are those of this revision; without the candidate those of earlier rings count too', () => {
  const { clock, guardian, tell } = createScene();
  assert.deepEqual(guardian.observe(rollout).candidate, null);
  tell('e1', { revision: 7, serving: true, counts: counted(10) });
  tell('e2', { revision: 7, serving: true, counts: counted(20) });
  tell('e3', { revision: 7, serving: false, counts: counted(40) });
  tell('e4', { revision: 6, serving: true, counts: counted(1000) });
  tell('e1', { revision: 7, serving: true, counts: counted(11) });
  const observed = guardian.observe(rollout);
  assert.deepEqual(observed.candidate, counted(31), 'totals replace those before');
  assert.deepEqual(observed.baseline, counted(140));
  assert.deepEqual([observed.fresh, observed.judgement.verdict], [true, 'waiting']);
  clock.advance(6000);
  assert.equal(guardian.observe(rollout).fresh, false);
});

test('an edge that cannot serve it is named with its reason; one that is gone, or of another revision, is not', () => {
  const rejected = (revision: number) => ({
    rejected: [{ key: 'rollout.a', revision, reason: 'no plan' }],
  });
  const rejectionOf = (...edges: SeenMember<EdgePresence>[]) =>
    createScene(edges).guardian.observe(rollout).rejection;
  assert.equal(rejectionOf(edge('e1', 'canary', rejected(7))), 'edge e1 cannot serve it: no plan');
  assert.equal(rejectionOf(edge('e1', 'canary', rejected(6))), null);
  assert.equal(rejectionOf(edge('e1', 'canary', { ...rejected(7), live: false })), null);
});
