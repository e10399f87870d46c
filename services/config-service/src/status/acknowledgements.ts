import type { ConfigAck, EdgePresence } from '@headgate/bus';
import { kindOfKey } from '@headgate/model';
import type { Clock } from '@headgate/runtime';
import type { AwaitedDocument, Convergence } from '../resources/api-context.ts';
import { Acknowledged } from './acknowledged.ts';

/** Writes that may wait for convergence at the same time. */
const WAITS_MAX = 1000;
/** How often a wait looks which edges have come or gone. */
const PRESENCE_POLL_MS = 250;

/** What an edge said of a document, for `GET /v1/revisions/{revision}`. */
export interface EdgeReport {
  readonly edgeId: string;
  /** That it told of. */
  readonly revision: number;
  readonly outcome: ConfigAck['outcome'];
  readonly reason?: string;
  /** ms since the epoch. */
  readonly at: number;
  /** It is among what the edge began to serve with: `at` says nothing of how long the change took. */
  readonly loaded?: true;
}

/** What an edge says of itself in its presence. */
export interface LiveEdge {
  readonly id: string;
  /** Highest revision that it has heard of. */
  readonly revision: number;
  /** It holds all documents of the newest digest. */
  readonly synced: boolean;
  readonly rejected: readonly { readonly key: string; readonly revision: number }[];
  /** All documents up to this revision, but for `rejected` and rollouts, are in force since then; see `EdgePresence`. */
  readonly loaded?: Loaded | undefined;
}

type Loaded = NonNullable<EdgePresence['loaded']>;

interface Wait {
  /** What edges had told of their start before. */
  readonly loadedBefore: ReadonlyMap<string, Loaded | undefined>;
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
  readonly #acknowledged = new Acknowledged();
  readonly #waits = new Set<Wait>();
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  readonly #liveEdges: () => readonly LiveEdge[];

  /** @param liveEdges the edges that are present. */
  constructor(clock: Pick<Clock, 'monotonicMs'>, liveEdges: () => readonly LiveEdge[]) {
    this.#clock = clock;
    this.#liveEdges = liveEdges;
  }

  /** Takes a batch of one edge. */
  add(edgeId: string, acks: readonly ConfigAck[]): void {
    const nowMs = this.#clock.monotonicMs();
    for (const ack of acks) {
      if (!this.#acknowledged.add(edgeId, ack, nowMs)) continue;
      for (const wait of this.#waits) {
        settle(wait, edgeId, ack);
        finishIfConverged(wait);
      }
    }
  }

  /** Forgets edges that went a while ago; to be called now and then. */
  forgetGone(): void {
    const ids = this.#liveEdges().map(({ id }) => id);
    this.#acknowledged.forgetGone(ids, this.#clock.monotonicMs());
  }

  /** What each edge said of a document at this revision or a newer one, which includes it. */
  reports(key: string, revision: number): EdgeReport[] {
    const loaded = new Map<string, Loaded>();
    for (const edge of this.#liveEdges()) {
      const word = loadedWith(edge, { key, revision });
      if (word !== null) loaded.set(edge.id, word);
    }
    const reports: EdgeReport[] = [];
    for (const [edgeId, ack] of this.#acknowledged.of(key)) {
      if (ack.revision < revision || isOutdated(ack, loaded.get(edgeId))) continue;
      const { outcome, reason, at } = ack;
      const why = reason === undefined ? {} : { reason };
      reports.push({ edgeId, revision: ack.revision, outcome, ...why, at });
      loaded.delete(edgeId);
    }
    for (const [edgeId, word] of loaded) {
      reports.push({ edgeId, outcome: 'applied', ...word, loaded: true });
    }
    return reports.sort((a, b) => (a.edgeId < b.edgeId ? -1 : 1));
  }

  /**
   * Whether every live edge has the documents. With no edge at all nobody has them: silence of all edges means a lost
   * bus, or a service that has just started, more often than an empty cluster.
   */
  wait(documents: readonly AwaitedDocument[], timeoutMs: number): Promise<boolean> {
    if (this.#waits.size >= WAITS_MAX) return Promise.resolve(false);
    if (documents.length === 0) return Promise.resolve(true);
    return new Promise((resolve) => {
      const poll = setInterval(() => this.#followPresence(wait, documents), PRESENCE_POLL_MS);
      const timeout = setTimeout(() => wait.finish(false), timeoutMs);
      const wait: Wait = {
        loadedBefore: new Map(this.#liveEdges().map(({ id, loaded }) => [id, loaded])),
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
  #followPresence(wait: Wait, documents: readonly AwaitedDocument[]): void {
    const live = this.#liveEdges();
    const ids = new Set(live.map(({ id }) => id));
    for (const edgeId of wait.open.keys()) if (!ids.has(edgeId)) wait.open.delete(edgeId);
    for (const edge of live) {
      if (wait.done.has(edge.id)) continue;
      if (!wait.open.has(edge.id)) {
        wait.open.set(edge.id, new Map(documents.map(({ key, revision }) => [key, revision])));
      }
      for (const document of documents) {
        const ack = this.#acknowledged.get(edge.id, document.key);
        const loaded = loadedWith(edge, document);
        if (ack !== undefined && ack.revision >= document.revision && !isOutdated(ack, loaded)) {
          settle(wait, edge.id, ack);
        } else if (loaded !== null && mayInclude(wait, edge, document)) {
          settle(wait, edge.id, { ...document, outcome: 'applied' });
        } else if (document.settled === true) {
          const outcome = outcomeByPresence(edge, document);
          if (outcome !== null) settle(wait, edge.id, { ...document, outcome });
        }
      }
    }
    finishIfConverged(wait);
  }
}

/**
 * What an edge said of all that it began to serve with, if a document at this revision or a newer one is among it: of these it
 * says nothing one by one. Else null.
 */
function loadedWith(
  edge: LiveEdge,
  document: Pick<AwaitedDocument, 'key' | 'revision'>,
): Loaded | null {
  const { loaded } = edge;
  if (loaded === undefined || loaded.revision < document.revision) return null;
  return kindOfKey(document.key) === 'rollout' || refuses(edge, document) ? null : loaded;
}

/** An edge that started anew serves what it had rejected in an earlier run, as one of another release does. */
function isOutdated(ack: ConfigAck, loaded: Loaded | null | undefined): boolean {
  if (ack.outcome !== 'rejected' || loaded === null || loaded === undefined) return false;
  return ack.revision <= loaded.revision && ack.at < loaded.at;
}

/**
 * Whether the document that is awaited can be among what the edge began to serve with. Transactions do not commit in the order of
 * their revisions: what was there before the write holds nothing of it, whatever its revision is.
 */
function mayInclude({ loadedBefore }: Wait, edge: LiveEdge, document: AwaitedDocument): boolean {
  if (document.settled !== undefined) return true;
  const before = loadedBefore.get(edge.id);
  return before?.revision !== edge.loaded?.revision || before?.at !== edge.loaded?.at;
}

function refuses(
  { rejected }: LiveEdge,
  document: Pick<AwaitedDocument, 'key' | 'revision'>,
): boolean {
  return rejected.some(
    ({ key, revision }) => key === document.key && revision >= document.revision,
  );
}

/** What an edge made of a document that it must have by now; null if it does not tell. */
function outcomeByPresence(edge: LiveEdge, document: AwaitedDocument): ConfigAck['outcome'] | null {
  if (refuses(edge, document)) return 'rejected';
  return edge.synced && edge.revision >= document.revision ? 'applied' : null;
}

function settle(
  wait: Wait,
  edgeId: string,
  ack: Pick<ConfigAck, 'key' | 'revision' | 'outcome'>,
): void {
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
