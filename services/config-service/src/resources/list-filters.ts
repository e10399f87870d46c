import {
  HostPattern,
  PlanId,
  Region,
  RouteSpec,
  SharedUpstreamId,
  TenantSpec,
  TextLine,
  UpstreamId,
} from '@headgate/model';
import { z } from 'zod';
import { PageQuery } from '../http/pagination.ts';
import type { ResourceKind } from '../store/kinds.ts';
import type { LabelSelector, ResourceFilter } from '../store/resource-filter.ts';

/** Labels that one request can ask for. */
const LABELS_MAX = 8;

const Label = TextLine.regex(
  /^[^=]{1,63}(?:=.{0,255})?$/u,
  'must be KEY=VALUE, or KEY for whatever value',
).transform((text): LabelSelector => {
  const end = text.indexOf('=');
  if (end === -1) return { key: text, value: null };
  return { key: text.slice(0, end), value: text.slice(end + 1) };
});

/** A parameter that is given once comes as a text, otherwise as a list. */
const Labels = z
  .preprocess(
    (value) => (typeof value === 'string' ? [value] : value),
    z.array(Label).max(LABELS_MAX),
  )
  .optional()
  .describe(
    `Tenants with this label, \`KEY=VALUE\` or \`KEY\`; up to ${LABELS_MAX}, all of which must fit.`,
  );

const UPSTREAM_FILTERS = {
  host: TextLine.min(1).max(253).optional().describe('Upstreams with an endpoint of this host.'),
};

const LIST_FILTERS = {
  plan: {},
  tenant: {
    label: Labels,
    status: TenantSpec.shape.status.unwrap().optional().describe('Tenants of this status.'),
    planId: PlanId.optional().describe('Tenants on this plan.'),
    region: Region.optional().describe('Tenants of this region.'),
    host: HostPattern.optional().describe(
      'Tenants that requests for this host reach, by a host or a wildcard above it.',
    ),
  },
  sharedUpstream: UPSTREAM_FILTERS,
  upstream: UPSTREAM_FILTERS,
  jwtIssuer: {},
  route: {
    upstreamId: UpstreamId.optional().describe('Routes to this upstream of the tenant.'),
    sharedUpstreamId: SharedUpstreamId.optional().describe('Routes to this shared upstream.'),
    auth: RouteSpec.shape.auth.unwrap().optional().describe('Routes with this authentication.'),
  },
  certificate: {},
  apiKey: {
    hint: z
      .string()
      .regex(/^[\w-]{1,63}$/, 'must be the first ten characters of a key')
      .optional()
      .describe('API keys whose first ten characters are these.'),
  },
} as const satisfies Record<ResourceKind, z.ZodRawShape>;

/** Parameters of every list, and those of all kinds as they are read. */
type ListShape = (typeof PageQuery)['shape'] & {
  readonly [Name in keyof ResourceFilter]-?: z.ZodType<ResourceFilter[Name]>;
};

/** Query parameters of the list of a kind: the page, and filters, all of which a resource must fit. */
export function listQuery(kind: ResourceKind): z.ZodObject<ListShape> {
  const filters: z.ZodRawShape = LIST_FILTERS[kind];
  // A kind has some of the filters; those of the others are unknown keys, and never read.
  return PageQuery.extend(filters) as z.ZodObject<ListShape>;
}
