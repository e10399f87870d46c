import type { ConfigAck } from '@headgate/bus';
import { BoundedMap } from '@headgate/runtime';
import type { Convergence } from '../resources/api-context.ts';

/** Edges remembered, and documents remembered of each. */
const EDGES_MAX = 1000;
const KEYS_MAX = 100_000;
/** Writes that may wait for convergence at the same time. */
const WAITS_MAX = 1000;
/** How often a wait looks which edges have come or gone. */
const PRESENCE_POLL_MS = 250;

/** What an edge said of a document, for `GET /v1/revisions/{revision}`. */
export interface EdgeReport {
  readonly edgeId: string;
  readonly outcome: ConfigAck['outcome'];
  readonly reason?: string;
  /** ms since the epoch. */
  readonly at: number;
}

/** A document as it must be, or newer. */
interface DocumentRevision {
  readonly key: string;
  readonly revision: number;
}

interface Wait {
  /** What each edge has not acknowledged yet, by key. */
  readonly open: Map<string, Map<string, number>>;
  /** Edges that have acknowledged everything. */
  readonly done: Set<string>;
  readonly finish: (converged: boolean) => void;
}

/**
 * Remembers what edges acknowledged, newest word per edge and document, and lets writes wait for it.
 * Each replica hears all edges, so any of them can answer; what was said before its start it does not
 * know.
 */
export class Acknowledgements implements Convergence {
  readonly #byEdge = new BoundedMap<string, BoundedMap<string, ConfigAck>>(EDGES_MAX);
  readonly #waits = new Set<Wait>();
  readonly #liveEdges: () => readonly string[];

  /** @param liveEdges ids of the edges that are present. */
  constructor(liveEdges: () => readonly string[]) {
    this.#liveEdges = liveEdges;
  }

  /** Takes a batch of one edge. */
  add(edgeId: string, acks: readonly ConfigAck[]): void {
    let known = this.#byEdge.get(edgeId);
    if (known === undefined) {
      known = new BoundedMap(KEYS_MAX);
      this.#byEdge.set(edgeId, known);
    }
    for (const ack of acks) {
      const before = known.get(ack.key);
      if (before !== undefined && before.revision > ack.revision) continue;
      known.set(ack.key, ack);
      for (const wait of this.#waits) {
        settle(wait, edgeId, ack);
        finishIfConverged(wait);
      }
    }
  }

  /** What each edge said of a document at this revision or a newer one, which includes it. */
  reports(key: string, revision: number): EdgeReport[] {
    const reports: EdgeReport[] = [];
    for (const [edgeId, known] of this.#byEdge.entries()) {
      const ack = known.get(key);
      if (ack === undefined || ack.revision < revision) continue;
      const { outcome, reason, at } = ack;
      reports.push({ edgeId, outcome, ...(reason === undefined ? {} : { reason }), at });
    }
    return reports.sort((a, b) => (a.edgeId < b.edgeId ? -1 : 1));
  }

  /**
   * Whether every live edge has the documents. With no edge at all nobody has them: silence of all edges means a lost
   * bus, or a service that has just started, more often than an empty cluster.
   */
  wait(documents: readonly DocumentRevision[], timeoutMs: number): Promise<boolean> {
    if (this.#waits.size >= WAITS_MAX) return Promise.resolve(false);
    if (documents.length === 0) return Promise.resolve(true);
    return new Promise((resolve) => {
      const poll = setInterval(() => this.#followPresence(wait, documents), PRESENCE_POLL_MS);
      const timeout = setTimeout(() => wait.finish(false), timeoutMs);
      const wait: Wait = {
        open: new Map(),
        done: new Set(),
        finish: (converged) => {
          clearInterval(poll);
          clearTimeout(timeout);
          this.#waits.delete(wait);
          resolve(converged);
        },
      };
      this.#waits.add(wait);
      this.#followPresence(wait, documents);
    });
  }

  /** Ends every wait, without convergence. */
  close(): void {
    for (const wait of this.#waits) wait.finish(false);
  }

  /**
   * Waits for edges that have come too; one that has gone will read everything when it comes back, so nobody need wait
   * for it.
   */
  #followPresence(wait: Wait, documents: readonly DocumentRevision[]): void {
    const live = new Set(this.#liveEdges());
    for (const edgeId of wait.open.keys()) if (!live.has(edgeId)) wait.open.delete(edgeId);
    for (const edgeId of live) {
      if (wait.open.has(edgeId) || wait.done.has(edgeId)) continue;
      wait.open.set(edgeId, new Map(documents.map(({ key, revision }) => [key, revision])));
      for (const { key } of documents) {
        const ack = this.#byEdge.get(edgeId)?.get(key);
        if (ack !== undefined) settle(wait, edgeId, ack);
      }
    }
    finishIfConverged(wait);
  }
}

function settle(wait: Wait, edgeId: string, ack: ConfigAck): void {
  const open = wait.open.get(edgeId);
  const revision = open?.get(ack.key);
  if (open === undefined || revision === undefined || ack.revision < revision) return;
  // A refused document stays refused until it is changed: waiting on is of no use.
  if (ack.outcome === 'rejected') return wait.finish(false);
  open.delete(ack.key);
  if (open.size > 0) return;
  wait.open.delete(edgeId);
  wait.done.add(edgeId);
}

function finishIfConverged(wait: Wait): void {
  if (wait.open.size === 0 && wait.done.size > 0) wait.finish(true);
}
