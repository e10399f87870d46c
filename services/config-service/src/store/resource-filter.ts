import { sql, type RawBuilder } from 'kysely';
import type { ResourceKind } from './kinds.ts';

/** A label that a tenant must have; with a null value, whatever it says. */
export interface LabelSelector {
  readonly key: string;
  readonly value: string | null;
}

/** Which resources of a list are wanted: all that fit everything that is given. */
export interface ResourceFilter {
  /** Tenants with all of these labels. */
  readonly label?: readonly LabelSelector[] | undefined;
  /** Tenants of this status. */
  readonly status?: string | undefined;
  /** Tenants on this plan. */
  readonly planId?: string | undefined;
  /** Tenants of this region. */
  readonly region?: string | undefined;
  /** Tenants that requests for this host can reach; upstreams with an endpoint of it. */
  readonly host?: string | undefined;
  /** Routes to this upstream of the tenant. */
  readonly upstreamId?: string | undefined;
  /** Routes to this shared upstream. */
  readonly sharedUpstreamId?: string | undefined;
  /** Routes with this authentication. */
  readonly auth?: string | undefined;
  /** API keys that start so. */
  readonly hint?: string | undefined;
}

/** The conditions of a filter on the table of a kind; fields that the kind lacks are not looked at. */
export function filterConditions(
  kind: ResourceKind,
  filter: ResourceFilter,
): readonly RawBuilder<boolean>[] {
  const { label = [], status, planId, region, host, upstreamId, auth, hint } = filter;
  const { sharedUpstreamId } = filter;
  const conditions: RawBuilder<boolean>[] = [];
  const add = <Value>(
    value: Value | undefined,
    condition: (value: Value) => RawBuilder<boolean>,
  ) => {
    if (value !== undefined) conditions.push(condition(value));
  };
  if (kind === 'tenant') {
    conditions.push(...label.map(hasLabel));
    add(status, (value) => sql`spec ->> 'status' = ${value}`);
    add(planId, (value) => sql`plan_id = ${value}`);
    add(region, (value) => sql`spec ->> 'region' = ${value}`);
    add(host, hasHost);
  }
  if (kind === 'upstream' || kind === 'sharedUpstream') {
    add(host, (value) => sql`spec -> 'endpoints' @> ${JSON.stringify([{ host: value }])}::jsonb`);
  }
  if (kind === 'route') {
    add(upstreamId, (value) => sql`upstream_id = ${value}`);
    add(sharedUpstreamId, (value) => sql`shared_upstream_id = ${value}`);
    add(auth, (value) => sql`spec ->> 'auth' = ${value}`);
  }
  if (kind === 'apiKey') add(hint, (value) => sql`spec ->> 'hint' = ${value}`);
  return conditions;
}

function hasLabel({ key, value }: LabelSelector): RawBuilder<boolean> {
  if (value === null) return sql`spec -> 'labels' ? ${key}`;
  return sql`spec -> 'labels' @> ${JSON.stringify({ [key]: value })}::jsonb`;
}

/** By the claims, which have an index, and belong to one tenant each. */
function hasHost(host: string): RawBuilder<boolean> {
  return sql`id in (
    select tenant_id from claims where kind = 'host' and value = any(${patternsFor(host)}::text[])
  )`;
}

/** The patterns that match a host: itself, and a wildcard at each of its parents. */
function patternsFor(host: string): string[] {
  const labels = host.split('.');
  return [host, ...labels.slice(1).map((_, index) => `*.${labels.slice(index + 1).join('.')}`)];
}
