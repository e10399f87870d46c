import { z } from 'zod';

const Requests = z.object({
  requests: z.number(),
  errors: z.number(),
  clientErrors: z.number(),
  p95Ms: z.number().nullable(),
});

/** Reply to every operation on a rollout. */
export const RolloutReply = z.object({
  tenantId: z.string(),
  state: z.enum(['running', 'paused', 'finishing', 'completed', 'aborted', 'rolled_back']),
  ring: z.string(),
  rings: z.array(z.object({ name: z.string(), soakMs: z.number() })),
  promote: z.enum(['auto', 'manual']),
  guard: z.record(z.string(), z.number()),
  revision: z.number(),
  finalRevision: z.number().nullable(),
  reason: z.string().nullable(),
  startedAt: z.string(),
  startedBy: z.string(),
  stepAt: z.string(),
  verdict: z.enum(['waiting', 'healthy', 'failing']),
  candidate: Requests,
  baseline: Requests,
  edges: z.array(
    z.object({
      edgeId: z.string(),
      outcome: z.enum(['applied', 'rejected']),
      reason: z.string().optional(),
      at: z.number(),
    }),
  ),
});
export type RolloutReply = z.infer<typeof RolloutReply>;
