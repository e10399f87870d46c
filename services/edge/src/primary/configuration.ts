import type { ReceivedDocument } from '@headgate/bus';
import type { Clock } from '@headgate/runtime';
import type { DocumentOutcome, PrimaryMessage, WorkerDocument } from '../ipc/messages.ts';
import type { SnapshotFiles } from './snapshot-files.ts';

/** What the configuration works with. */
export interface ConfigurationDeps {
  readonly clock: Clock;
  readonly files: SnapshotFiles;
  readonly broadcast: (message: PrimaryMessage) => void;
  /** Ids of the workers whose outcome is awaited. */
  readonly workerIds: () => readonly string[];
  /** All workers have decided. */
  readonly onDecided: (outcome: DocumentOutcome, at: number) => void;
  /** Writing fails; it is tried again until it works, and then this may be called again. */
  readonly onDiskError: (error: unknown) => void;
}

/** A revision that cannot be used, and why. */
export interface RejectedDocument {
  readonly key: string;
  readonly revision: number;
  readonly reason: string;
}

interface Candidate {
  readonly document: WorkerDocument;
  readonly awaited: Set<string>;
}

/** Documents per IPC message, so that a worker serves requests in between. */
const BATCH_DOCUMENTS = 100;
const DISK_DELAY_MS = 100;
const DISK_RETRY_MS = 10_000;

/**
 * The documents of an edge: what is in force (the last good revision of each), what the workers are deciding on, and
 * what they rejected. Only what all workers accepted goes in force and to the disk.
 *
 *     bus ─► candidate ─► workers compile ─┬─ applied by all ─► in force ─► disk
 *                                          └─ rejected by one ─► rejected; the last good one stays
 */
export class Configuration {
  readonly #deps: ConfigurationDeps;
  readonly #inForce = new Map<string, WorkerDocument>();
  readonly #candidates = new Map<string, Candidate>();
  readonly #rejected = new Map<string, RejectedDocument>();
  #outbox: WorkerDocument[] = [];
  #outboxCompileNow = false;
  #toDisk = new Map<string, WorkerDocument>();
  #diskTimer: NodeJS.Timeout | null = null;
  /**
   * Nothing goes to the disk before the configuration is complete: at the next start a part of it would pass for the
   * whole, and the tenants that it lacks would be unknown.
   */
  #complete = false;
  /** Documents that were undecided at the first sync; complete once they are decided. */
  #undecided: Set<string> | null = null;
  /** The next write is of everything: the first one, and one after a failure, which may have torn the journal. */
  #rewrite = false;
  #diskFailing = false;
  #closed = false;
  #flushScheduled = false;

  constructor(deps: ConfigurationDeps) {
    this.#deps = deps;
  }

  /** Takes over what the disk holds. */
  restore(documents: ReadonlyMap<string, WorkerDocument>): void {
    for (const [key, document] of documents) this.#inForce.set(key, document);
    this.#complete = documents.size > 0;
  }

  /** The bus has brought everything that there is. */
  synced(): void {
    if (this.#complete || this.#undecided !== null) return;
    this.#undecided = new Set(this.#candidates.keys());
    this.#completeIfDecided();
  }

  get size(): number {
    return this.#inForce.size;
  }

  /** Highest revision in force. */
  get revision(): number {
    let highest = 0;
    for (const document of this.#inForce.values()) {
      if (document.header.revision > highest) highest = document.header.revision;
    }
    return highest;
  }

  rejected(): RejectedDocument[] {
    return [...this.#rejected.values()];
  }

  /** Key and revision of all documents in force. */
  *held(): Generator<readonly [key: string, revision: number]> {
    for (const [key, document] of this.#inForce) yield [key, document.header.revision];
  }

  /** Messages that bring a new worker up to date. */
  *primingMessages(): Generator<PrimaryMessage> {
    const documents = [...this.#inForce.values()];
    for (let from = 0; from < documents.length; from += BATCH_DOCUMENTS) {
      const batch = documents.slice(from, from + BATCH_DOCUMENTS);
      yield { type: 'documents', compileNow: false, documents: batch };
    }
    const candidates = [...this.#candidates.values()].map(({ document }) => document);
    if (candidates.length > 0) yield { type: 'documents', compileNow: true, documents: candidates };
  }

  /**
   * A document came over the bus.
   *
   * @param compileNow workers must compile it before they answer; otherwise on first use.
   */
  receive(received: ReceivedDocument, compileNow: boolean): void {
    const { key, header } = received;
    const document = { key, header, body: Buffer.from(received.body).toString('utf8') };
    this.#candidates.set(key, { document, awaited: new Set(this.#deps.workerIds()) });
    // What replaces a good revision is always compiled first, so that the good one can stay.
    const urgent = compileNow || this.#inForce.has(key);
    if (urgent !== this.#outboxCompileNow) this.#flush();
    this.#outboxCompileNow = urgent;
    this.#outbox.push(document);
    if (this.#outbox.length >= BATCH_DOCUMENTS) this.#flush();
    else this.#scheduleFlush();
  }

  /** A document was deleted. */
  remove(key: string, revision: number): void {
    this.#flush();
    const document = this.#inForce.get(key);
    this.#inForce.delete(key);
    this.#candidates.delete(key);
    this.#rejected.delete(key);
    this.#completeIfDecided(key);
    this.#deps.broadcast({ type: 'removed', keys: [key] });
    if (document !== undefined) {
      const header = { ...document.header, deleted: true, revision };
      this.#queueForDisk({ key, header, body: '' });
    }
    const at = this.#deps.clock.nowMs();
    this.#deps.onDecided({ key, revision, outcome: 'applied', reason: '' }, at);
  }

  /** A worker has decided on documents. */
  decide(workerId: string, outcomes: readonly DocumentOutcome[]): void {
    for (const outcome of outcomes) {
      const candidate = this.#candidates.get(outcome.key);
      if (candidate?.document.header.revision === outcome.revision) {
        this.#decideCandidate(candidate, workerId, outcome);
      } else if (this.#inForce.get(outcome.key)?.header.revision === outcome.revision) {
        this.#noteLateOutcome(outcome);
      } else if (outcome.outcome === 'applied') {
        this.#noteRecovered(outcome);
      }
    }
  }

  /** A worker is gone: nobody waits for it any more. */
  forgetWorker(workerId: string): void {
    for (const candidate of [...this.#candidates.values()]) {
      if (candidate.awaited.delete(workerId) && candidate.awaited.size === 0) {
        this.#accept(candidate.document);
      }
    }
  }

  /** Writes what waits for the disk. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#flush();
    if (this.#diskTimer !== null) clearTimeout(this.#diskTimer);
    await this.#writeToDisk();
  }

  #decideCandidate(candidate: Candidate, workerId: string, outcome: DocumentOutcome): void {
    if (outcome.outcome === 'rejected') {
      this.#candidates.delete(outcome.key);
      this.#reject(outcome);
      return;
    }
    candidate.awaited.delete(workerId);
    if (candidate.awaited.size === 0) this.#accept(candidate.document);
  }

  #accept(document: WorkerDocument): void {
    const { key, header } = document;
    this.#candidates.delete(key);
    this.#rejected.delete(key);
    this.#inForce.set(key, document);
    this.#queueForDisk(document);
    this.#completeIfDecided(key);
    const at = this.#deps.clock.nowMs();
    this.#deps.onDecided({ key, revision: header.revision, outcome: 'applied', reason: '' }, at);
  }

  #reject(outcome: DocumentOutcome): void {
    const { key, revision, reason } = outcome;
    this.#completeIfDecided(key);
    if (this.#rejected.get(key)?.revision === revision) return;
    this.#rejected.set(key, { key, revision, reason });
    this.#deps.onDecided(outcome, this.#deps.clock.nowMs());
  }

  /** A document that was taken unseen turned out not to compile on first use, or to compile after all. */
  #noteLateOutcome(outcome: DocumentOutcome): void {
    if (outcome.outcome === 'rejected') this.#reject(outcome);
    else this.#noteRecovered(outcome);
  }

  #noteRecovered(outcome: DocumentOutcome): void {
    if (this.#rejected.get(outcome.key)?.revision !== outcome.revision) return;
    this.#rejected.delete(outcome.key);
    this.#deps.onDecided(outcome, this.#deps.clock.nowMs());
  }

  #scheduleFlush(): void {
    if (this.#flushScheduled) return;
    this.#flushScheduled = true;
    setImmediate(() => this.#flush());
  }

  #flush(): void {
    this.#flushScheduled = false;
    if (this.#outbox.length === 0) return;
    const documents = this.#outbox;
    this.#outbox = [];
    this.#deps.broadcast({ type: 'documents', compileNow: this.#outboxCompileNow, documents });
    if (this.#deps.workerIds().length === 0)
      documents.forEach((document) => this.#accept(document));
  }

  #completeIfDecided(key?: string): void {
    if (this.#undecided === null) return;
    if (key !== undefined) this.#undecided.delete(key);
    if (this.#undecided.size > 0) return;
    this.#undecided = null;
    this.#complete = true;
    this.#rewrite = true;
    this.#scheduleDisk(DISK_DELAY_MS);
  }

  #queueForDisk(document: WorkerDocument): void {
    if (!this.#complete) return;
    this.#toDisk.set(document.key, document);
    this.#scheduleDisk(DISK_DELAY_MS);
  }

  #scheduleDisk(delayMs: number): void {
    if (this.#closed) return;
    this.#diskTimer ??= setTimeout(() => {
      this.#diskTimer = null;
      void this.#writeToDisk();
    }, delayMs);
  }

  async #writeToDisk(): Promise<void> {
    const documents = [...this.#toDisk.values()];
    this.#toDisk = new Map();
    const rewrite = this.#rewrite;
    this.#rewrite = false;
    if (documents.length === 0 && !rewrite) return;
    try {
      if (!rewrite) await this.#deps.files.append(documents);
      if (rewrite || this.#deps.files.wantsCompaction) {
        await this.#deps.files.compact([...this.#inForce.values()]);
      }
      this.#diskFailing = false;
    } catch (error) {
      this.#rewrite = true;
      // Retries go on until there is space; one call tells of it.
      if (!this.#diskFailing) this.#deps.onDiskError(error);
      this.#diskFailing = true;
      this.#scheduleDisk(DISK_RETRY_MS);
    }
  }
}
