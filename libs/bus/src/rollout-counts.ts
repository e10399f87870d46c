import { z } from 'zod';
import type { Bus, Subscription } from './bus.ts';
import { hearMessages } from './hear-messages.ts';
import { encodeMessage } from './parse-message.ts';
import { subjects } from './subjects.ts';

/** Rollouts told of in one message. */
export const COUNTED_ROLLOUTS_MAX = 500;

const Count = z.number().min(0);

/** Requests of one tenant, by status class (none, 1xx … 5xx) and by duration bucket. */
export const RequestCounts = z.object({
  statuses: z.array(Count).length(6),
  /** In the buckets of the edges' histograms, the unbounded one last. */
  durations: z.array(Count).min(1).max(64),
});
export type RequestCounts = z.infer<typeof RequestCounts>;

/** What an edge counted since it holds one revision of a rollout: totals, so a lost message loses nothing. */
export const RolloutCount = z.object({
  tenantId: z.string().min(1).max(63),
  /** Of the rollout's document. */
  revision: z.int().min(0),
  /** Whether this edge serves the candidate, and not the tenant's own document. */
  serving: z.boolean(),
  counts: RequestCounts,
});
export type RolloutCount = z.infer<typeof RolloutCount>;

const RolloutCountsMessage = z.object({
  v: z.literal(1),
  edgeId: z.string().min(1).max(128),
  rollouts: z.array(RolloutCount).min(1).max(COUNTED_ROLLOUTS_MAX),
});

/** Tells what an edge counted; more than {@link COUNTED_ROLLOUTS_MAX} rollouts go in several messages. */
export function publishRolloutCounts(
  bus: Pick<Bus, 'publish'>,
  edgeId: string,
  rollouts: readonly RolloutCount[],
): void {
  for (let at = 0; at < rollouts.length; at += COUNTED_ROLLOUTS_MAX) {
    const part = rollouts.slice(at, at + COUNTED_ROLLOUTS_MAX);
    const message: z.input<typeof RolloutCountsMessage> = { v: 1, edgeId, rollouts: part };
    bus.publish(subjects.rolloutCounts, encodeMessage(message));
  }
}

/** Hears what edges count; malformed messages are dropped. */
export function subscribeRolloutCounts(
  bus: Pick<Bus, 'subscribe'>,
  onCounts: (edgeId: string, rollouts: readonly RolloutCount[]) => void,
): Subscription {
  return hearMessages(bus, subjects.rolloutCounts, RolloutCountsMessage, (message) =>
    onCounts(message.edgeId, message.rollouts),
  );
}
