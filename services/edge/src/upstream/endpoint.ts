import type { PickableEndpoint } from '@headgate/balancing';
import {
  createActiveHealth,
  createPassiveHealth,
  mergeHealth,
  type ActiveHealth,
  type PassiveHealth,
} from '@headgate/health';
import { endpointId, type Endpoint } from '@headgate/model';
import { endpointText } from '@headgate/telemetry';
import { ConnectionPool, type PoolDeps, type PoolSettings } from './connection-pool.ts';

/**
 * One endpoint of one tenant's upstream as a worker sees it. It outlives revisions: connections, counts and health
 * stay when an unrelated field of the tenant changes.
 */
export class UpstreamEndpoint implements PickableEndpoint {
  /** `host:port`. */
  readonly id: string;
  /** Its part of access records. */
  readonly accessText: string;
  readonly host: string;
  readonly port: number;
  weight: number;
  activeRequests = 0;
  readonly active: ActiveHealth;
  readonly passive: PassiveHealth;
  readonly pool: ConnectionPool;
  readonly #deps: PoolDeps;

  /** @param active of a shared upstream: what all tenants hear of the endpoint. */
  constructor(
    endpoint: Endpoint,
    settings: PoolSettings,
    deps: PoolDeps,
    active: ActiveHealth = createActiveHealth(),
  ) {
    this.id = endpointId(endpoint);
    this.accessText = endpointText(this.id);
    this.host = endpoint.host;
    this.port = endpoint.port;
    this.weight = endpoint.weight;
    this.active = active;
    this.#deps = deps;
    this.passive = createPassiveHealth(
      deps.onEjected === undefined ? {} : { onEjected: deps.onEjected },
    );
    this.pool = new ConnectionPool(this, settings, deps);
  }

  /** @hot */
  isAvailable(): boolean {
    return !this.pool.full && this.isHealthy();
  }

  /** @hot */
  isHealthy(): boolean {
    return mergeHealth(this.active, this.passive, this.#deps.clock.monotonicMs());
  }
}
