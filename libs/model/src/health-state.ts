import { z } from 'zod';
import { SharedUpstreamId, TenantId, UpstreamId } from './primitives.ts';

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
  /** Null: a shared upstream. */
  tenantId: TenantId.nullable(),
  upstreamId: z.union([UpstreamId, SharedUpstreamId]),
  /** Time of the publication, ms since the epoch. */
  observedAt: z.int(),
  endpoints: z.array(EndpointHealth).max(1024),
});
export type HealthState = z.infer<typeof HealthState>;

/** Names the health of an upstream in the bucket and in maps: `acme.api`; `_.mail` if it is shared, as no id holds a `_`. */
export function healthKey(state: {
  readonly tenantId: string | null;
  readonly upstreamId: string;
}): string {
  return `${state.tenantId ?? '_'}.${state.upstreamId}`;
}
