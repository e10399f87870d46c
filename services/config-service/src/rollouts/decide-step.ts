import type { RolloutStep } from '../store/rollout-steps.ts';
import type { StoredRollout } from '../store/rollouts.ts';
import type { Observation } from './guard.ts';

/** What is to happen to a rollout by itself; null for nothing. A paused one may still go back. */
export function decideStep(
  rollout: StoredRollout,
  { judgement, rejection, fresh, baseline }: Omit<Observation, 'candidate' | 'edges'>,
  nowMs: number,
): RolloutStep | null {
  if (rejection !== null) return { action: 'end', state: 'rolled_back', reason: rejection };
  if (judgement.verdict === 'failing') {
    return { action: 'end', state: 'rolled_back', reason: judgement.reason };
  }
  const { plan, step, state, stepAt } = rollout;
  const ring = plan.rings[step];
  if (ring === undefined || state !== 'running' || plan.promote === 'manual') return null;
  const hasSoaked = nowMs - stepAt.getTime() >= ring.soakMs;
  if (!hasSoaked || !fresh || judgement.verdict !== 'healthy') return null;
  return { action: 'promote', from: ring.name, evenPaused: false, baseline };
}
