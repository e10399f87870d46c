import type { EndpointHealth, HealthState } from '@headgate/model';
import { fullJitterMs, type Clock, type Random } from '@headgate/runtime';
import type { UpstreamTarget } from './targets.ts';

/** Where states go: a KV bucket on NATS. Both answer whether it was stored; neither rejects. */
export interface HealthSink {
  publish(state: HealthState): Promise<boolean>;
  remove(
    tenantId: HealthState['tenantId'],
    upstreamId: HealthState['upstreamId'],
  ): Promise<boolean>;
}

/** What is known of an upstream now. */
export interface HealthReading {
  /** Endpoints that have a verdict. */
  readonly endpoints: readonly EndpointHealth[];
  /** Whether all have one. */
  readonly complete: boolean;
}

/** What the publisher needs. */
export interface HealthPublisherDependencies {
  readonly sink: HealthSink;
  /** Present state of an upstream; null if it is not known. */
  readonly read: (key: string) => HealthReading | null;
  readonly clock: Clock;
  readonly random: Random;
  readonly onOutcome: (published: boolean) => void;
}

/** Settings of the publisher. */
export interface HealthPublisherOptions {
  /** An upstream without change is published again after this time in ms. */
  readonly refreshMs: number;
  /** Publications on their way at once. Default 64. */
  readonly inFlightMax?: number;
}

/** Back-off of all publications after one failed. */
const BACKOFF_BASE_MS = 100;
const BACKOFF_MS_MAX = 2000;
const REFRESH_SCAN_MS = 1000;

interface Publication {
  readonly key: string;
  readonly tenantId: HealthState['tenantId'];
  readonly upstreamId: HealthState['upstreamId'];
  /** Whether this replica has published it since it took it over. */
  published: boolean;
  removed: boolean;
  inFlight: boolean;
  refreshAtMs: number;
}

/**
 * Publishes the state of each upstream when it has changed, and every refresh interval so that edges can tell a quiet
 * health-service from a dead one. Changes between two ticks go out as one message; what failed is tried again with
 * the state of that time, so nothing queues up while NATS is away.
 *
 * After taking an upstream over, the first publication waits until every endpoint has a verdict (or for one refresh
 * interval): until then the previous owner's last state stands, rather than one with gaps.
 */
export class HealthPublisher {
  readonly #dependencies: HealthPublisherDependencies;
  readonly #refreshMs: number;
  readonly #inFlightMax: number;
  readonly #publications = new Map<string, Publication>();
  readonly #changed = new Set<Publication>();
  #inFlight = 0;
  #failures = 0;
  #pausedUntilMs = -Infinity;
  #scanAtMs = -Infinity;

  constructor(dependencies: HealthPublisherDependencies, options: HealthPublisherOptions) {
    this.#dependencies = dependencies;
    this.#refreshMs = options.refreshMs;
    this.#inFlightMax = options.inFlightMax ?? 64;
  }

  /** Publications that wait to be sent or confirmed. */
  get pending(): number {
    return this.#changed.size + this.#inFlight;
  }

  /** Starts to publish an upstream that this replica has taken over. */
  add({ key, tenantId, upstreamId }: UpstreamTarget): void {
    const known = this.#publications.get(key);
    if (known !== undefined) {
      // It was deleted a moment ago and the removal is still on its way: it lives again.
      known.removed = false;
      return;
    }
    const refreshAtMs = this.#dependencies.clock.monotonicMs() + this.#refreshMs;
    this.#publications.set(key, {
      key,
      tenantId,
      upstreamId,
      published: false,
      removed: false,
      inFlight: false,
      refreshAtMs,
    });
  }

  /** Something of the upstream has changed; it goes out with the next tick. */
  markChanged(key: string): void {
    const publication = this.#publications.get(key);
    if (publication !== undefined) this.#changed.add(publication);
  }

  /** Another replica has taken over: what is published stays. */
  release(key: string): void {
    const publication = this.#publications.get(key);
    if (publication === undefined) return;
    this.#changed.delete(publication);
    this.#publications.delete(key);
  }

  /** The upstream is gone from the configuration: what is published is deleted. */
  remove(key: string): void {
    const publication = this.#publications.get(key);
    if (publication === undefined) return;
    publication.removed = true;
    this.#changed.add(publication);
  }

  /** Sends what is due; the owner calls it about every 50 ms. */
  tick(): void {
    const nowMs = this.#dependencies.clock.monotonicMs();
    if (nowMs >= this.#scanAtMs) this.#markRefreshes(nowMs);
    if (nowMs < this.#pausedUntilMs) return;
    for (const publication of this.#changed) {
      if (this.#inFlight >= this.#inFlightMax) return;
      if (!publication.inFlight) this.#send(publication, nowMs);
    }
  }

  #markRefreshes(nowMs: number): void {
    this.#scanAtMs = nowMs + REFRESH_SCAN_MS;
    for (const publication of this.#publications.values()) {
      if (publication.refreshAtMs > nowMs) continue;
      // From now on gaps are no reason to wait.
      publication.published = true;
      this.#planRefresh(publication, nowMs);
      this.#changed.add(publication);
    }
  }

  #send(publication: Publication, nowMs: number): void {
    this.#changed.delete(publication);
    const sending = publication.removed
      ? this.#dependencies.sink.remove(publication.tenantId, publication.upstreamId)
      : this.#publish(publication, nowMs);
    if (sending === null) return;
    const { removed } = publication;
    publication.inFlight = true;
    this.#inFlight += 1;
    void sending.then((stored) => {
      publication.inFlight = false;
      this.#inFlight -= 1;
      this.#settle(publication, removed, stored);
    });
  }

  /** Null if there is nothing to say yet. */
  #publish(publication: Publication, nowMs: number): Promise<boolean> | null {
    const { sink, read, clock } = this.#dependencies;
    const reading = read(publication.key);
    if (reading === null || reading.endpoints.length === 0) return null;
    if (!publication.published && !reading.complete) return null;
    publication.published = true;
    this.#planRefresh(publication, nowMs);
    return sink.publish({
      v: 1,
      tenantId: publication.tenantId,
      upstreamId: publication.upstreamId,
      observedAt: Math.floor(clock.nowMs()),
      endpoints: [...reading.endpoints],
    });
  }

  #settle(publication: Publication, removed: boolean, stored: boolean): void {
    const { clock, random, onOutcome } = this.#dependencies;
    onOutcome(stored);
    if (stored) {
      this.#failures = 0;
      if (removed && publication.removed) this.#publications.delete(publication.key);
      return;
    }
    const waitMs = fullJitterMs(random, this.#failures, BACKOFF_BASE_MS, BACKOFF_MS_MAX);
    this.#failures += 1;
    this.#pausedUntilMs = clock.monotonicMs() + waitMs;
    // Released meanwhile: no longer this replica's to publish.
    if (this.#publications.get(publication.key) === publication) this.#changed.add(publication);
  }

  /** A tenth earlier at random, so that upstreams that came together drift apart. */
  #planRefresh(publication: Publication, nowMs: number): void {
    const spread = 1 - 0.1 * this.#dependencies.random.next();
    publication.refreshAtMs = nowMs + this.#refreshMs * spread;
  }
}
