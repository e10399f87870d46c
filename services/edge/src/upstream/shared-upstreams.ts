import { createActiveHealth, takeVerdict, type ActiveHealth } from '@headgate/health';
import { endpointId, type HealthState, type SharedUpstream } from '@headgate/model';

/** A shared upstream as a worker holds it. */
export interface HeldUpstream {
  readonly settings: SharedUpstream;
  /** What the health-service says of its endpoints, by their ids: one object each, which the endpoints of all tenants look at. */
  readonly active: ReadonlyMap<string, ActiveHealth>;
}

/** The upstreams of the platform that a worker knows. */
export class SharedUpstreams {
  readonly #held = new Map<string, HeldUpstream>();

  get(id: string): HeldUpstream | undefined {
    return this.#held.get(id);
  }

  /** Takes in a revision; endpoints that stay keep what is known of their health. */
  set(settings: SharedUpstream): void {
    const known = this.#held.get(settings.id)?.active;
    const active = new Map<string, ActiveHealth>();
    for (const endpoint of settings.endpoints) {
      const id = endpointId(endpoint);
      active.set(id, known?.get(id) ?? createActiveHealth());
    }
    this.#held.set(settings.id, { settings, active });
  }

  delete(id: string): void {
    this.#held.delete(id);
  }

  /** Takes in a message of the health-service; returns the endpoints that have turned from unhealthy to healthy. */
  receiveHealth(state: HealthState, nowMs: number): ReadonlySet<string> {
    const recovered = new Set<string>();
    const verdicts = new Map(state.endpoints.map((endpoint) => [endpoint.id, endpoint.state]));
    for (const [id, active] of this.#held.get(state.upstreamId)?.active ?? []) {
      if (takeVerdict(active, verdicts.get(id) ?? 'unknown', nowMs)) recovered.add(id);
    }
    return recovered;
  }
}
