import { z } from 'zod';
import { LimitList } from './limit.ts';
import {
  DisplayName,
  HeaderValue,
  HOSTS_MAX,
  HostPattern,
  PathPattern,
  PlanId,
  Region,
  TenantId,
  TextLine,
  TimeZone,
} from './primitives.ts';

/** How requests of a tenant are recognised. At least one way is needed to reach the tenant. */
export const TenantIdentity = z
  .strictObject({
    hosts: z.array(HostPattern).max(HOSTS_MAX).default([]).describe('Hosts of the tenant.'),
    pathPrefixes: z
      .array(PathPattern)
      .max(64)
      .default([])
      .describe('Path prefixes of the tenant on hosts that belong to no tenant; whole segments.'),
    headerValues: z
      .array(HeaderValue)
      .max(64)
      .default([])
      .describe('Values of the tenant header, heard only from trusted sources.'),
  })
  .describe('How requests of the tenant are recognised.');
export type TenantIdentity = z.infer<typeof TenantIdentity>;

/** What an operator writes for a tenant. */
export const TenantSpec = z
  .strictObject({
    name: DisplayName.optional(),
    planId: PlanId.describe('The plan the tenant is on.'),
    status: z
      .enum(['active', 'suspended'])
      .default('active')
      .describe('A suspended tenant gets 403 for every request, and its WebSockets end.'),
    identity: TenantIdentity.default({ hosts: [], pathPrefixes: [], headerValues: [] }),
    limits: LimitList.describe('Overrides of the plan by name; a new name adds a limit.'),
    timeZone: TimeZone.default('UTC').describe(
      'In which days, weeks and months of limits of kind "quota" begin: a name of the IANA database, such as Europe/Berlin.',
    ),
    region: Region.optional().describe(
      'Where the tenant belongs. Lists of tenants can ask for it; edges do not act on it.',
    ),
    labels: z
      .record(TextLine.max(63), TextLine.max(255))
      .default({})
      .describe('Free labels for selecting tenants.'),
  })
  .describe('A customer with own hosts, routes, upstreams, API keys and limits.');
export type TenantSpec = z.infer<typeof TenantSpec>;

export const Tenant = TenantSpec.extend({ id: TenantId });
export type Tenant = z.infer<typeof Tenant>;
