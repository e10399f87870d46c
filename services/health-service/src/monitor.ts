import { rendezvousOwner } from '@headgate/bus';
import type { EndpointHealth } from '@headgate/model';
import type { ProbeHold, ProbeRegistry } from './probe-registry.ts';
import type { HealthPublisher, HealthReading } from './publisher.ts';
import type { UpstreamTarget } from './targets.ts';

/** What the monitor needs. */
export interface MonitorDependencies {
  readonly registry: Pick<ProbeRegistry, 'acquire'>;
  readonly publisher: Pick<HealthPublisher, 'add' | 'markChanged' | 'release' | 'remove'>;
}

interface OwnedUpstream {
  readonly target: UpstreamTarget;
  readonly holds: readonly { readonly endpointId: string; readonly hold: ProbeHold }[];
}

/**
 * Decides what this replica probes: of all upstreams in the configuration those that rendezvous hashing gives to it.
 * Every replica knows all upstreams, so a change of the replicas needs no message but the change itself.
 */
export class Monitor {
  readonly #dependencies: MonitorDependencies;
  readonly #self: string;
  #replicas: readonly string[];
  /** By the key of the document that holds them. */
  readonly #upstreams = new Map<string, readonly UpstreamTarget[]>();
  readonly #owned = new Map<string, OwnedUpstream>();

  /** @param self id of this replica; it counts as live from the start, with or without NATS. */
  constructor(dependencies: MonitorDependencies, self: string) {
    this.#dependencies = dependencies;
    this.#self = self;
    this.#replicas = [self];
  }

  /** Upstreams that this replica takes care of. */
  get ownedCount(): number {
    return this.#owned.size;
  }

  /** Replaces the upstreams of a document: of a tenant, or a shared one. Probes that stay the same keep their state. */
  setUpstreams(documentKey: string, upstreams: readonly UpstreamTarget[]): void {
    const before = this.#upstreams.get(documentKey) ?? [];
    if (upstreams.length > 0) this.#upstreams.set(documentKey, upstreams);
    else this.#upstreams.delete(documentKey);
    const kept = new Set(upstreams.map(({ key }) => key));
    for (const target of upstreams) this.#assign(target);
    for (const { key } of before) if (!kept.has(key)) this.#drop(key, 'remove');
  }

  /** Takes over and hands over upstreams after replicas came or went. */
  setReplicas(ids: readonly string[]): void {
    this.#replicas = ids.includes(this.#self) ? ids : [...ids, this.#self];
    for (const upstreams of this.#upstreams.values()) {
      for (const target of upstreams) this.#assign(target);
    }
  }

  /** What to publish of an upstream; null once it is not owned any more. */
  readonly read = (key: string): HealthReading | null => {
    const upstream = this.#owned.get(key);
    if (upstream === undefined) return null;
    const endpoints: EndpointHealth[] = [];
    for (const { endpointId, hold } of upstream.holds) {
      const { verdict, sinceMs, reason } = hold.state;
      // Nothing is said of an endpoint without verdict: what the edges know of it stands until it is stale.
      if (verdict === 'unknown') continue;
      endpoints.push({ id: endpointId, state: verdict, since: Math.floor(sinceMs), reason });
    }
    return { endpoints, complete: endpoints.length === upstream.holds.length };
  };

  #assign(target: UpstreamTarget): void {
    if (rendezvousOwner(this.#replicas, target.key) === this.#self) this.#own(target);
    else this.#drop(target.key, 'release');
  }

  #own(target: UpstreamTarget): void {
    const { registry, publisher } = this.#dependencies;
    const before = this.#owned.get(target.key);
    if (before?.target === target) return;
    const { key } = target;
    // New holds before old ones are released, so that a probe in both goes on with its state.
    const holds = target.probes.map((probe) => ({
      endpointId: probe.endpointId,
      hold: registry.acquire(probe, () => publisher.markChanged(key)),
    }));
    this.#owned.set(key, { target, holds });
    if (before === undefined) publisher.add(target);
    else for (const { hold } of before.holds) hold.release();
    publisher.markChanged(key);
  }

  #drop(key: string, how: 'remove' | 'release'): void {
    const upstream = this.#owned.get(key);
    if (upstream === undefined) return;
    this.#owned.delete(key);
    for (const { hold } of upstream.holds) hold.release();
    this.#dependencies.publisher[how](key);
  }
}
