import type { ConfigAck } from '@headgate/bus';

/** Bounds of {@link Acknowledged}. */
export interface AcknowledgedBounds {
  readonly edgesMax: number;
  /** Acknowledgements of all edges together; each takes some 110 bytes. */
  readonly acksMax: number;
  /** How long an edge is remembered after it was last heard of. */
  readonly keptMs: number;
}

/** Ten edges of 100,000 documents each, 100 MiB; pods that were replaced are forgotten after a while. */
const BOUNDS: AcknowledgedBounds = { edgesMax: 1000, acksMax: 1_000_000, keptMs: 10 * 60_000 };
/** Of the acknowledgements of an edge, how many make room at a time. */
const EVICTED_SHARE = 1 / 16;

interface Edge {
  /** From the one heard longest ago to the newest. */
  readonly acks: Map<string, ConfigAck>;
  heardMs: number;
}

/**
 * The newest word of each edge on each document. An edge that has gone is forgotten; where there are too many
 * acknowledgements, the oldest ones of the edge that has most of them go.
 */
export class Acknowledged {
  readonly #edges = new Map<string, Edge>();
  readonly #bounds: AcknowledgedBounds;
  #size = 0;

  constructor(bounds: Partial<AcknowledgedBounds> = {}) {
    this.#bounds = { ...BOUNDS, ...bounds };
  }

  /** How many acknowledgements are remembered. */
  get size(): number {
    return this.#size;
  }

  /** Takes what an edge said, unless a newer word of it is known. Returns whether it was taken. */
  add(edgeId: string, ack: ConfigAck, nowMs: number): boolean {
    const edge = this.#edges.get(edgeId) ?? this.#addEdge(edgeId, nowMs);
    edge.heardMs = nowMs;
    const before = edge.acks.get(ack.key);
    if (before !== undefined && before.revision > ack.revision) return false;
    if (!edge.acks.delete(ack.key)) this.#size += 1;
    edge.acks.set(ack.key, ack);
    if (this.#size > this.#bounds.acksMax) this.#makeRoom();
    return true;
  }

  get(edgeId: string, key: string): ConfigAck | undefined {
    return this.#edges.get(edgeId)?.acks.get(key);
  }

  /** What each edge said of a document last. */
  *of(key: string): Generator<readonly [edgeId: string, ack: ConfigAck]> {
    for (const [edgeId, { acks }] of this.#edges) {
      const ack = acks.get(key);
      if (ack !== undefined) yield [edgeId, ack];
    }
  }

  /**
   * Forgets edges that have not been heard of for a while; to be called now and then. If no edge is present at all, none is
   * forgotten: that is a lost bus more often than an empty cluster.
   */
  forgetGone(liveIds: Iterable<string>, nowMs: number): void {
    let someAreLive = false;
    for (const id of liveIds) {
      someAreLive = true;
      const edge = this.#edges.get(id);
      if (edge !== undefined) edge.heardMs = nowMs;
    }
    if (!someAreLive) return;
    for (const [id, { heardMs }] of this.#edges) {
      if (nowMs - heardMs > this.#bounds.keptMs) this.#forget(id);
    }
  }

  #addEdge(edgeId: string, nowMs: number): Edge {
    if (this.#edges.size >= this.#bounds.edgesMax) {
      const silent = maximum(this.#edges, ({ heardMs }) => -heardMs);
      if (silent !== null) this.#forget(silent);
    }
    const edge: Edge = { acks: new Map(), heardMs: nowMs };
    this.#edges.set(edgeId, edge);
    return edge;
  }

  #forget(edgeId: string): void {
    this.#size -= this.#edges.get(edgeId)?.acks.size ?? 0;
    this.#edges.delete(edgeId);
  }

  /** Many at a time: to find the edge costs a look at all of them. */
  #makeRoom(): void {
    const largest = maximum(this.#edges, ({ acks }) => acks.size);
    const acks = largest === null ? undefined : this.#edges.get(largest)?.acks;
    if (acks === undefined) return;
    let left = Math.ceil(acks.size * EVICTED_SHARE);
    for (const key of acks.keys()) {
      if (left-- === 0) return;
      acks.delete(key);
      this.#size -= 1;
    }
  }
}

/** The key whose value measures most; null if there is none. */
function maximum<Value>(
  entries: ReadonlyMap<string, Value>,
  measure: (value: Value) => number,
): string | null {
  let most = -Infinity;
  let found: string | null = null;
  for (const [key, value] of entries) {
    const measured = measure(value);
    if (measured <= most) continue;
    most = measured;
    found = key;
  }
  return found;
}
