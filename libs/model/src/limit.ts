import { z } from 'zod';

/** Longest sliding window: 31 days in ms. */
const WINDOW_MS_MAX = 31 * 24 * 3600 * 1000;

/** A limit: never more than `limit` requests in any window of `windowMs`, over all edges. */
export const Limit = z
  .strictObject({
    name: z
      .string()
      .regex(/^[a-z][a-z0-9_-]{0,31}$/, 'must be a-z, then up to 31 of a-z, 0-9, "_" and "-"')
      .describe('Policy name, shown to clients in RateLimit headers.'),
    kind: z.literal('window').default('window').describe('Exact sliding window.'),
    limit: z.int().min(1).max(1_000_000_000_000).describe('Requests per window, at least 1.'),
    windowMs: z.int().min(100).max(WINDOW_MS_MAX).describe('Length of the window in ms.'),
    onStoreLoss: z
      .enum(['share', 'closed', 'open'])
      .default('share')
      .describe(
        'While Redis is lost: "share" lets each edge enforce its part, "closed" answers 503, "open" admits.',
      ),
  })
  .describe('A limit on requests.');
export type Limit = z.infer<typeof Limit>;

/** Limits with unique names. */
export const LimitList = z
  .array(Limit)
  .max(8)
  .default([])
  .superRefine((limits, context) => {
    const seen = new Set<string>();
    limits.forEach((limit, index) => {
      if (seen.has(limit.name)) {
        context.addIssue({
          code: 'custom',
          path: [index, 'name'],
          message: `another limit of this list is named "${limit.name}"; names must be unique`,
          input: limit.name,
        });
      }
      seen.add(limit.name);
    });
  });
