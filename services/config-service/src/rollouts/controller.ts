import type { Clock } from '@headgate/runtime';
import type { Session } from '../access/session.ts';
import type { Lease } from '../publish/lease.ts';
import { lookWhileLeading } from '../publish/look-while-leading.ts';
import type { Refusal } from '../store/outcome.ts';
import { ringOf, type RolloutStep } from '../store/rollout-steps.ts';
import type { StoredRollout } from '../store/rollouts.ts';
import type { Store } from '../store/store.ts';
import { decideStep } from './decide-step.ts';
import type { RolloutGuardian } from './guard.ts';

/** What the controller works with. */
export interface RolloutControllerDeps {
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly store: Pick<Store, 'as' | 'unfinishedRollouts' | 'isPublished'>;
  readonly guardian: Pick<RolloutGuardian, 'observe'>;
  /** The replica that publishes takes the steps. */
  readonly lease: Pick<Lease, 'held'>;
  readonly documentBytesMax: () => number;
  /** Called right after each step: there is something to publish. */
  readonly onCommitted: () => void;
  readonly observer: RolloutObserver;
}

/** Hears of steps that were taken without anybody's request, for logs. */
export interface RolloutObserver {
  onStep(rollout: StoredRollout, ring: string): void;
  /** Something did not work; it is tried again. */
  onFailure(error: unknown): void;
}

const LOOK_MS = 1000;

/** Whoever may end a rollout may take these steps: they were agreed to when it started. */
const SESSION: Session = {
  author: { actor: 'rollout', source: '', requestId: '', operation: 'rolloutController' },
  access: { role: 'platform_admin', tenants: 'all' },
  scope: 'all',
};

/**
 * Looks at all rollouts every second: takes back what fails, promotes what has soaked, and ends what is through. All that
 * it goes by lies in the database or comes from the edges within a second, so that any replica can go on.
 *
 * @returns to be closed by the caller; it ends after the step that is under way.
 */
export function startRolloutController(deps: RolloutControllerDeps): {
  close(): Promise<void>;
} {
  return lookWhileLeading(deps.lease, LOOK_MS, () =>
    lookAtAll(deps).catch((error: unknown) => deps.observer.onFailure(error)),
  );
}

async function lookAtAll(deps: RolloutControllerDeps): Promise<void> {
  for (const rollout of await deps.store.unfinishedRollouts()) {
    if (!deps.lease.held) return;
    // The fault of one tenant must not keep the others from going back.
    await lookAt(deps, rollout).catch((error: unknown) => deps.observer.onFailure(error));
  }
}

async function lookAt(deps: RolloutControllerDeps, rollout: StoredRollout): Promise<void> {
  const step = await nextStep(deps, rollout);
  if (step === null) return;
  const refusal = await take(deps, rollout, step);
  if (refusal === null || step.action !== 'promote') return;
  // What another tenant did meanwhile forbids the change: it can never go on.
  const reason = `it cannot go on: ${describe(refusal)}`;
  const present = await deps.store.as(SESSION).rollouts.get(rollout.tenantId);
  if (present?.state !== rollout.state || present.revision !== rollout.revision) return; // somebody was faster
  const { revision } = rollout;
  await take(deps, rollout, { action: 'end', revision, state: 'rolled_back', reason });
}

async function nextStep(
  { store, guardian, clock }: RolloutControllerDeps,
  rollout: StoredRollout,
): Promise<RolloutStep | null> {
  if (rollout.state !== 'finishing') {
    return decideStep(rollout, guardian.observe(rollout), clock.nowMs());
  }
  const { finalRevision } = rollout;
  const isThrough = finalRevision === null || (await store.isPublished(finalRevision));
  return isThrough ? { action: 'finish' } : null;
}

/** Returns why it was refused; null if it was taken. */
async function take(
  deps: RolloutControllerDeps,
  { tenantId }: StoredRollout,
  step: RolloutStep,
): Promise<Refusal | null> {
  const { rollouts } = deps.store.as(SESSION);
  const documentBytesMax = deps.documentBytesMax();
  const outcome = await rollouts.step(tenantId, step, { documentBytesMax });
  if (!outcome.ok) return outcome.refusal;
  deps.onCommitted();
  deps.observer.onStep(outcome.value, ringOf(outcome.value));
  return null;
}

function describe(refusal: Refusal): string {
  if ('detail' in refusal) return refusal.detail;
  return refusal.faults
    .map(({ path, rule }) => (path === '' ? rule : `${path}: ${rule}`))
    .join('; ');
}
