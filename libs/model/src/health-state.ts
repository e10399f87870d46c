import { z } from 'zod';
import { TenantId, UpstreamId } from './primitives.ts';

/** What the health-service knows of one endpoint. */
export const EndpointHealth = z.object({
  /** `host:port`. */
  id: z.string().max(300),
  state: z.enum(['healthy', 'unhealthy']),
  /** When the state was entered, ms since the epoch. */
  since: z.int(),
  /** Why, for people: `connect ECONNREFUSED`, `status 503`. */
  reason: z.string().max(200),
});
export type EndpointHealth = z.infer<typeof EndpointHealth>;

/** Health of one upstream as published by the health-service. */
export const HealthState = z.object({
  v: z.literal(1),
  tenantId: TenantId,
  upstreamId: UpstreamId,
  /** Time of the publication, ms since the epoch. */
  observedAt: z.int(),
  endpoints: z.array(EndpointHealth).max(1024),
});
export type HealthState = z.infer<typeof HealthState>;
