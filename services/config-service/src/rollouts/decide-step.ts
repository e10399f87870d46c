import type { RolloutStep } from '../store/rollout-steps.ts';
import type { StoredRollout } from '../store/rollouts.ts';
import type { Observation } from './guard.ts';

/** What is to happen to a rollout by itself; null for nothing. A paused one may still go back. */
export function decideStep(
  rollout: StoredRollout,
  { judgement, rejection, fresh, baseline }: Omit<Observation, 'candidate' | 'edges'>,
  nowMs: number,
): RolloutStep | null {
  const { revision, plan, step, state, stepAt } = rollout;
  const reason = rejection ?? (judgement.verdict === 'failing' ? judgement.reason : null);
  if (reason !== null) return { action: 'end', revision, state: 'rolled_back', reason };
  const ring = plan.rings[step];
  if (ring === undefined || state !== 'running' || plan.promote === 'manual') return null;
  const hasSoaked = nowMs - stepAt.getTime() >= ring.soakMs;
  if (!hasSoaked || !fresh || judgement.verdict !== 'healthy') return null;
  return { action: 'promote', revision, from: ring.name, evenPaused: false, baseline };
}
