import { createPicker, type Picker } from '@headgate/balancing';
import { receiveHealth } from '@headgate/health';
import { endpointId, type HealthState, type Upstream } from '@headgate/model';
import { BoundedMap, type Random } from '@headgate/runtime';
import type { PoolDeps } from './connection-pool.ts';
import { UpstreamEndpoint } from './endpoint.ts';
import { RetryBudget } from './retry-budget.ts';

/** An upstream of one revision of one tenant. Its endpoints may be older than the revision. */
export interface TenantUpstream {
  readonly id: string;
  readonly endpoints: readonly UpstreamEndpoint[];
  /** Made by {@link UpstreamRegistry.commit}, which puts the revision's weights in force; until then it picks nobody. */
  picker: Picker<UpstreamEndpoint>;
  readonly retryBudget: RetryBudget;
}

/** Of upstreams that are not in force. */
const NO_PICKER: Picker<UpstreamEndpoint> = Object.freeze({ pick: () => null });

/** Health messages kept for upstreams that no request has used yet. */
const HEALTH_STATES_MAX = 200_000;

/**
 * Endpoints of all tenants of a worker, with what the health-service says of them.
 *
 * A new revision is compiled with {@link build}, which changes nothing, and takes effect with {@link commit}: endpoints
 * that it shares with the previous one keep their connections, the others are retired.
 */
export class UpstreamRegistry {
  readonly #deps: PoolDeps & { readonly random: Random };
  readonly #tenants = new Map<string, ReadonlyMap<string, TenantUpstream>>();
  readonly #health = new BoundedMap<string, HealthState>(HEALTH_STATES_MAX);

  constructor(deps: PoolDeps & { readonly random: Random }) {
    this.#deps = deps;
  }

  /** Upstreams of a revision; endpoints in use are taken over. */
  build(tenantId: string, upstreams: readonly Upstream[]): Map<string, TenantUpstream> {
    const built = new Map<string, TenantUpstream>();
    for (const upstream of upstreams) {
      const previous = this.#tenants.get(tenantId)?.get(upstream.id);
      const known = new Map(previous?.endpoints.map((endpoint) => [endpoint.id, endpoint]));
      const endpoints = upstream.endpoints.map(
        (spec) => known.get(endpointId(spec)) ?? new UpstreamEndpoint(spec, upstream, this.#deps),
      );
      built.set(upstream.id, {
        id: upstream.id,
        endpoints,
        picker: NO_PICKER,
        retryBudget: previous?.retryBudget ?? new RetryBudget(),
      });
    }
    return built;
  }

  /** Makes a built revision the present one of its tenant. */
  commit(
    tenantId: string,
    upstreams: ReadonlyMap<string, TenantUpstream>,
    settings: readonly Upstream[],
  ): void {
    const previous = this.#tenants.get(tenantId);
    this.#tenants.set(tenantId, upstreams);
    for (const upstream of settings) {
      const built = upstreams.get(upstream.id);
      if (built !== undefined) this.#configure(built, upstream);
      const state = this.#health.get(`${tenantId}.${upstream.id}`);
      if (state !== undefined) this.#apply(state);
    }
    if (previous !== undefined) retireMissing(previous, upstreams);
  }

  /** The tenant is gone. */
  remove(tenantId: string): void {
    const previous = this.#tenants.get(tenantId);
    this.#tenants.delete(tenantId);
    if (previous !== undefined) retireMissing(previous, new Map());
  }

  /** Takes in a message of the health-service. */
  receiveHealth(state: HealthState): void {
    this.#health.set(`${state.tenantId}.${state.upstreamId}`, state);
    this.#apply(state);
  }

  /** Open and idle connections of all pools, and requests that wait for one; for metrics. */
  countConnections(): { open: number; idle: number; waiting: number } {
    const count = { open: 0, idle: 0, waiting: 0 };
    for (const upstreams of this.#tenants.values()) {
      for (const upstream of upstreams.values()) {
        for (const endpoint of upstream.endpoints) {
          count.open += endpoint.pool.openCount;
          count.idle += endpoint.pool.idleCount;
          count.waiting += endpoint.pool.waitingCount;
        }
      }
    }
    return count;
  }

  #configure(built: TenantUpstream, settings: Upstream): void {
    settings.endpoints.forEach((spec, index) => {
      const endpoint = built.endpoints[index];
      if (endpoint === undefined) return;
      endpoint.weight = spec.weight; // read when the picker is made
      endpoint.pool.settings = settings;
    });
    built.picker = createPicker(settings.picker, built.endpoints, this.#deps.random);
  }

  #apply(state: HealthState): void {
    const upstream = this.#tenants.get(state.tenantId)?.get(state.upstreamId);
    if (upstream === undefined) return;
    const nowMs = this.#deps.clock.monotonicMs();
    const verdicts = new Map(state.endpoints.map((endpoint) => [endpoint.id, endpoint.state]));
    for (const endpoint of upstream.endpoints) {
      const verdict = verdicts.get(endpoint.id) ?? 'unknown';
      receiveHealth(endpoint.active, endpoint.passive, verdict, nowMs);
    }
  }
}

function retireMissing(
  previous: ReadonlyMap<string, TenantUpstream>,
  present: ReadonlyMap<string, TenantUpstream>,
): void {
  for (const [id, upstream] of previous) {
    const kept = new Set(present.get(id)?.endpoints);
    for (const endpoint of upstream.endpoints) {
      if (!kept.has(endpoint)) endpoint.pool.retire();
    }
  }
}
