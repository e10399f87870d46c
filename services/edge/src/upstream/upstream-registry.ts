import { createPicker, type Picker } from '@headgate/balancing';
import { readmitAfter, receiveHealth } from '@headgate/health';
import {
  endpointId,
  healthKey,
  type HealthState,
  type SharedUpstream,
  type Upstream,
  type UpstreamSpec,
} from '@headgate/model';
import { BoundedMap, type Random } from '@headgate/runtime';
import type { PoolDeps } from './connection-pool.ts';
import { UpstreamEndpoint } from './endpoint.ts';
import { RetryBudget } from './retry-budget.ts';
import { SharedUpstreams } from './shared-upstreams.ts';

/**
 * An upstream of one revision of one tenant: its own, or its part of a shared one. Its endpoints may be older than the revision; those
 * of a shared one also become others while the revision stays.
 */
export interface TenantUpstream {
  /** For records: `api`, or `shared/mail`, as no id holds a slash. */
  readonly id: string;
  /** None: a shared upstream that is not known here (yet). */
  endpoints: readonly UpstreamEndpoint[];
  /** Made by {@link UpstreamRegistry.commit}, which puts the revision's weights in force; until then it picks nobody. */
  picker: Picker<UpstreamEndpoint>;
  readonly retryBudget: RetryBudget;
}

/** The upstreams that routes of a tenant lead to, by id. */
export interface TenantUpstreams {
  readonly own: ReadonlyMap<string, TenantUpstream>;
  readonly shared: ReadonlyMap<string, TenantUpstream>;
}

const NONE: TenantUpstreams = Object.freeze({ own: new Map(), shared: new Map() });

/** Of upstreams that are not in force. */
const NO_PICKER: Picker<UpstreamEndpoint> = Object.freeze({ pick: () => null });

/** Health messages kept for upstreams that no request has used yet. */
const HEALTH_STATES_MAX = 200_000;

/**
 * Endpoints of all tenants of a worker, with what the health-service says of them.
 *
 * A new revision is compiled with {@link build}, which changes nothing, and takes effect with {@link commit}: endpoints
 * that it shares with the previous one keep their connections, the others are retired.
 *
 * Of a shared upstream each tenant has endpoints of its own, and so connections, bounds, counts and passive health; its settings, and
 * what the health-service says, are there once. A new revision of it reaches a tenant with {@link refresh}, before its next request.
 */
export class UpstreamRegistry {
  readonly #deps: PoolDeps & { readonly random: Random };
  readonly #tenants = new Map<string, TenantUpstreams>();
  readonly #shared = new SharedUpstreams();
  readonly #health = new BoundedMap<string, HealthState>(HEALTH_STATES_MAX);

  constructor(deps: PoolDeps & { readonly random: Random }) {
    this.#deps = deps;
  }

  /** Whether a shared upstream is known. */
  hasShared(id: string): boolean {
    return this.#shared.get(id) !== undefined;
  }

  /** Takes in a shared upstream. Tenants have it after their next {@link refresh}. */
  setShared(settings: SharedUpstream): void {
    this.#shared.set(settings);
    const state = this.#health.get(healthKey({ tenantId: null, upstreamId: settings.id }));
    if (state !== undefined) this.#apply(state);
  }

  /** The shared upstream is gone; what leads to it has no endpoints after the next {@link refresh}. */
  removeShared(id: string): void {
    this.#shared.delete(id);
  }

  /**
   * Upstreams of a revision; endpoints in use are taken over.
   *
   * @param sharedIds of the shared ones that its routes lead to.
   */
  build(
    tenantId: string,
    upstreams: readonly Upstream[],
    sharedIds: Iterable<string> = [],
  ): TenantUpstreams {
    const present = this.#tenants.get(tenantId) ?? NONE;
    const own = new Map<string, TenantUpstream>();
    const shared = new Map<string, TenantUpstream>();
    for (const upstream of upstreams) {
      const previous = present.own.get(upstream.id);
      const known = new Map(previous?.endpoints.map((endpoint) => [endpoint.id, endpoint]));
      const endpoints = upstream.endpoints.map(
        (spec) => known.get(endpointId(spec)) ?? new UpstreamEndpoint(spec, upstream, this.#deps),
      );
      own.set(upstream.id, {
        id: upstream.id,
        endpoints,
        picker: NO_PICKER,
        retryBudget: previous?.retryBudget ?? new RetryBudget(),
      });
    }
    for (const id of sharedIds) {
      const retryBudget = present.shared.get(id)?.retryBudget ?? new RetryBudget();
      shared.set(id, { id: `shared/${id}`, endpoints: [], picker: NO_PICKER, retryBudget });
    }
    return { own, shared };
  }

  /** Makes a built revision the present one of its tenant. */
  commit(tenantId: string, upstreams: TenantUpstreams, settings: readonly Upstream[]): void {
    const previous = this.#tenants.get(tenantId) ?? NONE;
    this.#tenants.set(tenantId, upstreams);
    for (const upstream of settings) {
      const built = upstreams.own.get(upstream.id);
      if (built !== undefined) this.#configure(built, upstream);
      const state = this.#health.get(healthKey({ tenantId, upstreamId: upstream.id }));
      if (state !== undefined) this.#apply(state);
    }
    for (const [id, upstream] of upstreams.shared) {
      this.#fit(id, upstream, previous.shared.get(id)?.endpoints ?? []);
    }
    retireMissing(previous.own, upstreams.own);
    retireMissing(previous.shared, upstreams.shared);
  }

  /** The tenant's part of shared upstreams becomes what these have become. */
  refresh(tenantId: string): void {
    for (const [id, upstream] of (this.#tenants.get(tenantId) ?? NONE).shared) {
      const previous = upstream.endpoints;
      this.#fit(id, upstream, previous);
      retireOthers(previous, upstream.endpoints);
    }
  }

  /** The tenant is gone. */
  remove(tenantId: string): void {
    const { own, shared } = this.#tenants.get(tenantId) ?? NONE;
    this.#tenants.delete(tenantId);
    retireMissing(own, NONE.own);
    retireMissing(shared, NONE.shared);
  }

  /** Takes in a message of the health-service. */
  receiveHealth(state: HealthState): void {
    this.#health.set(healthKey(state), state);
    this.#apply(state);
  }

  /** Open and idle connections of all pools, and requests that wait for one; for metrics. */
  countConnections(): { open: number; idle: number; waiting: number } {
    const count = { open: 0, idle: 0, waiting: 0 };
    for (const { own, shared } of this.#tenants.values()) {
      for (const upstreams of [own, shared]) {
        for (const upstream of upstreams.values()) {
          for (const endpoint of upstream.endpoints) {
            count.open += endpoint.pool.openCount;
            count.idle += endpoint.pool.idleCount;
            count.waiting += endpoint.pool.waitingCount;
          }
        }
      }
    }
    return count;
  }

  /** Gives a tenant's part of a shared upstream its endpoints; those that it had are kept where they are the same. */
  #fit(id: string, upstream: TenantUpstream, previous: readonly UpstreamEndpoint[]): void {
    const held = this.#shared.get(id);
    if (held === undefined) {
      upstream.endpoints = [];
      upstream.picker = NO_PICKER;
      return;
    }
    const known = new Map(previous.map((endpoint) => [endpoint.id, endpoint]));
    upstream.endpoints = held.settings.endpoints.map((spec) => {
      const name = endpointId(spec);
      const active = held.active.get(name);
      const endpoint = known.get(name);
      // One that was gone and came back between two requests of the tenant hears nothing any more.
      if (endpoint !== undefined && endpoint.active === active) return endpoint;
      return new UpstreamEndpoint(spec, held.settings, this.#deps, active);
    });
    this.#configure(upstream, held.settings);
  }

  #configure(built: TenantUpstream, settings: UpstreamSpec): void {
    settings.endpoints.forEach((spec, index) => {
      const endpoint = built.endpoints[index];
      if (endpoint === undefined) return;
      endpoint.weight = spec.weight; // read when the picker is made
      endpoint.pool.settings = settings;
    });
    built.picker = createPicker(settings.picker, built.endpoints, this.#deps.random);
  }

  #apply(state: HealthState): void {
    const nowMs = this.#deps.clock.monotonicMs();
    if (state.tenantId === null) return this.#applyShared(state, nowMs);
    const upstream = this.#tenants.get(state.tenantId)?.own.get(state.upstreamId);
    if (upstream === undefined) return;
    const verdicts = new Map(state.endpoints.map((endpoint) => [endpoint.id, endpoint.state]));
    for (const endpoint of upstream.endpoints) {
      const verdict = verdicts.get(endpoint.id) ?? 'unknown';
      receiveHealth(endpoint.active, endpoint.passive, verdict, nowMs);
    }
  }

  /** Tenants are looked at only when an endpoint has turned healthy: they may have ejected it by what they saw themselves. */
  #applyShared(state: HealthState, nowMs: number): void {
    const recovered = this.#shared.receiveHealth(state, nowMs);
    if (recovered.size === 0) return;
    for (const { shared } of this.#tenants.values()) {
      for (const endpoint of shared.get(state.upstreamId)?.endpoints ?? []) {
        if (recovered.has(endpoint.id)) readmitAfter(endpoint.passive, nowMs);
      }
    }
  }
}

function retireMissing(
  previous: ReadonlyMap<string, TenantUpstream>,
  present: ReadonlyMap<string, TenantUpstream>,
): void {
  for (const [id, upstream] of previous) {
    retireOthers(upstream.endpoints, present.get(id)?.endpoints ?? []);
  }
}

function retireOthers(
  previous: readonly UpstreamEndpoint[],
  present: readonly UpstreamEndpoint[],
): void {
  const kept = new Set(present);
  for (const endpoint of previous) {
    if (!kept.has(endpoint)) endpoint.pool.retire();
  }
}
