import { bodyText, type ReceivedDocument } from '@headgate/bus';
import { documentKey, isNeededByTenants } from '@headgate/model';
import type { Clock } from '@headgate/runtime';
import type {
  DocumentOutcome,
  PrimaryMessage,
  RevisionFault,
  WorkerDocument,
} from '../ipc/messages.ts';
import { shortReason } from '../ipc/reason.ts';
import { isForRing } from '../ipc/ring.ts';
import { Candidates, type Candidate } from './candidates.ts';
import { batchesOf, DocumentSends } from './document-sends.ts';
import type { LoadedSnapshots } from './merge-generations.ts';
import type { HeldRollout } from './rollout-tallies.ts';
import type { Probation } from './probation.ts';
import type { SnapshotFiles, Unproven } from './snapshot-files.ts';
import type { WithdrawnDocument } from './snapshot-records.ts';
import { SnapshotWriter } from './snapshot-writer.ts';
import type { LostWorker } from './worker-pool.ts';

/** What the configuration works with. */
export interface ConfigurationDeps {
  readonly clock: Clock;
  /** Of this edge, for rollouts. */
  readonly ring: string;
  readonly files: SnapshotFiles;
  readonly probation: Probation;
  readonly broadcast: (message: PrimaryMessage) => void;
  /** Ids of the workers whose outcome is awaited. */
  readonly workerIds: () => readonly string[];
  /**
   * All workers have decided, or a revision that was in force has been withdrawn. Not told of a rollout that other rings
   * serve: this edge only holds it.
   */
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

/**
 * The documents of an edge: what is in force (the last good revision of each), what the workers are deciding on, and
 * what they rejected. Only what all workers accepted goes in force and to the disk.
 *
 *     bus ─► candidate ─► workers compile ─┬─ applied by all ─► in force, on probation ─┬─► good
 *                                          └─ rejected by one ─► rejected               └─ workers end ─► withdrawn
 *
 * Where a revision is rejected or withdrawn, the good one before it serves.
 */
export class Configuration {
  readonly #deps: ConfigurationDeps;
  readonly #inForce = new Map<string, WorkerDocument>();
  readonly #candidates = new Candidates();
  readonly #rejected = new Map<string, RejectedDocument>();
  readonly #withdrawn = new Map<string, WithdrawnDocument>();
  readonly #writer: SnapshotWriter;
  /** Keys of rollouts that are, or were, in force. */
  readonly #rollouts = new Set<string>();
  readonly #sends: DocumentSends;
  /**
   * Nothing goes to the disk before the configuration is complete: at the next start a part of it would pass for the
   * whole, and the tenants that it lacks would be unknown.
   */
  #complete = false;
  /** Documents that were undecided at the first sync; complete once they are decided. */
  #undecided: Set<string> | null = null;

  constructor(deps: ConfigurationDeps) {
    this.#deps = deps;
    const { clock, files, broadcast, onDiskError } = deps;
    this.#sends = new DocumentSends(broadcast);
    const everything = () => this.#everything();
    this.#writer = new SnapshotWriter({ clock, files, onDiskError, everything });
  }

  /** Takes over what the disk holds; a part of a configuration is completed by the first sync. */
  restore(loaded: Omit<LoadedSnapshots, 'damaged'>): void {
    for (const document of loaded.documents.values()) this.#put(document);
    for (const [key, good] of loaded.fresh) this.#deps.probation.begin(key, good);
    for (const [key, withdrawn] of loaded.withdrawn) this.#noteWithdrawn(key, withdrawn);
    this.#complete = loaded.whole && loaded.documents.size > 0;
  }

  /** The bus has brought everything that there is. Workers that are told to listen after this know it all by then. */
  synced(): void {
    this.#sends.flush();
    if (this.#complete || this.#undecided !== null) return;
    this.#undecided = new Set(this.#candidates.keys());
    this.#completeIfDecided();
  }

  /** Whether no tenant is missing: restored as a whole, or synced and decided. */
  get complete(): boolean {
    return this.#complete;
  }

  get size(): number {
    return this.#inForce.size;
  }

  /** How many documents have come that are not in force yet: workers are deciding on them. */
  get undecided(): number {
    return this.#candidates.size;
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

  /** Key and newest revision of all documents known, whether they serve or had to go. */
  *known(): Generator<readonly [key: string, revision: number]> {
    for (const [key, revision] of this.held()) if (!this.#withdrawn.has(key)) yield [key, revision];
    for (const [key, { header }] of this.#withdrawn) yield [key, header.revision];
  }

  /** Rollouts that this edge holds, whether it serves them or not. */
  rollouts(): HeldRollout[] {
    return [...this.#rollouts].flatMap((key): HeldRollout[] => {
      const header = this.#inForce.get(key)?.header;
      if (header === undefined) return [];
      const { id: tenantId, revision } = header;
      const own = this.#inForce.get(documentKey('tenant', tenantId))?.header.revision ?? Infinity;
      const serving = isForRing(header, this.#deps.ring) && own < revision;
      return [{ tenantId, revision, serving }];
    });
  }

  /** Messages that bring a new worker up to date; from now on it decides on candidates too. */
  *primingMessages(workerId: string): Generator<PrimaryMessage> {
    yield* batchesOf([...this.#inForce.values(), ...this.#placeholders()], false);
    // One by one: if the worker ends, its answers tell which one it was busy with.
    for (const document of this.#candidates.join(workerId)) {
      yield { type: 'documents', compileNow: true, documents: [document] };
    }
  }

  /**
   * A document came over the bus.
   *
   * @param compileNow workers must compile it before they answer; otherwise on first use.
   */
  receive(received: ReceivedDocument, compileNow: boolean): void {
    const { key, header } = received;
    const withdrawn = this.#withdrawn.get(key);
    if (withdrawn !== undefined && header.revision <= withdrawn.header.revision) {
      this.#tell({ key, revision: header.revision, outcome: 'rejected', reason: withdrawn.reason });
      return;
    }
    const document = { key, header, body: bodyText(received) };
    this.#candidates.add(document, this.#deps.workerIds());
    // What replaces a good revision is always compiled first, so that the good one can stay.
    this.#sends.gather(document, compileNow || this.#inForce.has(key));
  }

  /** A document was deleted. What is deleted never serves again, also if workers end. */
  remove(key: string, revision: number): void {
    this.#sends.flush();
    const header = this.#inForce.get(key)?.header ?? this.#withdrawn.get(key)?.header;
    this.#inForce.delete(key);
    this.#rollouts.delete(key);
    this.#candidates.delete(key);
    this.#rejected.delete(key);
    this.#withdrawn.delete(key);
    this.#deps.probation.end(key);
    this.#completeIfDecided(key);
    this.#deps.broadcast({ type: 'removed', keys: [key] });
    if (header !== undefined) {
      this.#writeToDisk({ key, header: { ...header, deleted: true, revision }, body: '' });
    }
    this.#tell({ key, revision, outcome: 'applied', reason: '' });
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

  /**
   * A worker ended unexpectedly. Returns the revisions that were withdrawn because of it; the next worker starts without
   * them.
   */
  workerLost(worker: LostWorker, reason: string): RejectedDocument[] {
    const { accepted, refused, wasCompiling } = this.#candidates.workerLost(worker.id);
    if (refused !== null) {
      const { key, header } = refused.document;
      const why = `workers ended while they compiled it; the last one: ${reason}`;
      this.#refuse(refused, { key, revision: header.revision, outcome: 'rejected', reason: why });
    }
    for (const { document } of accepted) this.#accept(document);
    const suspects = this.#deps.probation.workerEnded(worker.index, worker.livedMs, wasCompiling);
    return this.withdraw(suspects, `workers ended soon after it; the last one: ${reason}`);
  }

  /**
   * A revision threw in a worker. It goes at once if it is on probation, also while others are still deciding on it:
   * those that have compiled it may be about to throw, too. Else it has served for long enough to be kept.
   */
  faulted({ key, revision, reason }: RevisionFault): RejectedDocument[] {
    const candidate = this.#candidates.get(key);
    if (candidate?.document.header.revision === revision) this.#accept(candidate.document);
    if (this.#inForce.get(key)?.header.revision !== revision) return [];
    return this.withdraw([key], reason);
  }

  /** Takes documents that are on probation out of force; the good ones before them serve again. */
  withdraw(keys: readonly string[], reason: string): RejectedDocument[] {
    const rejected: RejectedDocument[] = [];
    for (const key of keys) {
      const bad = this.#inForce.get(key);
      const good = this.#deps.probation.goodOf(key);
      if (bad === undefined || good === undefined) continue;
      this.#deps.probation.end(key);
      const withdrawn = { header: bad.header, reason: shortReason(reason) };
      rejected.push(this.#noteWithdrawn(key, withdrawn));
      if (good === null) this.#inForce.delete(key);
      else this.#inForce.set(key, good);
      if (this.#complete) this.#writer.writeWithdrawn(key, withdrawn);
    }
    this.#sendInForce(rejected.map(({ key }) => key));
    this.#askAgain(rejected.map(({ key }) => key));
    for (const { key, revision, reason: why } of rejected) {
      this.#tell({ key, revision, outcome: 'rejected', reason: why });
    }
    return rejected;
  }

  /** All documents on probation, for {@link withdraw}. */
  onProbation(): string[] {
    return [...this.#inForce.keys()].filter((key) => this.#deps.probation.has(key));
  }

  /** Documents that have served for long enough are good from now on; to be called now and then. */
  promote(): void {
    for (const key of this.#deps.probation.takeSoaked()) {
      const document = this.#inForce.get(key);
      if (document !== undefined) this.#writer.writeGood(key, document.header.revision);
    }
  }

  /** Writes what waits for the disk. */
  async close(): Promise<void> {
    this.#sends.flush();
    await this.#writer.close();
  }

  #decideCandidate(candidate: Candidate, workerId: string, outcome: DocumentOutcome): void {
    if (outcome.outcome === 'rejected') {
      this.#refuse(candidate, outcome);
      this.#candidates.refuse(candidate);
    } else if (this.#candidates.approve(candidate, workerId)) this.#accept(candidate.document);
  }

  #accept(document: WorkerDocument): void {
    const { key, header } = document;
    this.#candidates.delete(key);
    this.#rejected.delete(key);
    this.#withdrawn.delete(key);
    // The first configuration of an edge has no good one before it to go back to.
    if (this.#complete) this.#deps.probation.begin(key, this.#inForce.get(key) ?? null);
    this.#put(document);
    this.#writeToDisk(document);
    this.#completeIfDecided(key);
    // Tenants that need it may have come before it, or have failed with the one before.
    if (isNeededByTenants(header.kind)) {
      this.#sends.sendAll(this.#candidates.retryRefused(this.#deps.workerIds()));
    }
    if (!isForRing(header, this.#deps.ring)) return;
    this.#tell({ key, revision: header.revision, outcome: 'applied', reason: '' });
  }

  #put(document: WorkerDocument): void {
    const { key, header } = document;
    this.#inForce.set(key, document);
    if (header.kind === 'rollout') this.#rollouts.add(key);
  }

  #refuse(candidate: Candidate, outcome: DocumentOutcome): void {
    this.#candidates.delete(outcome.key);
    if (candidate.approvals > 0) this.#sendInForce([outcome.key]);
    this.#reject(outcome);
  }

  #reject(outcome: DocumentOutcome): void {
    const { key, revision, reason } = outcome;
    this.#completeIfDecided(key);
    if (this.#rejected.get(key)?.revision === revision) return;
    this.#rejected.set(key, { key, revision, reason: shortReason(reason) });
    this.#tell(outcome);
  }

  #noteWithdrawn(key: string, withdrawn: WithdrawnDocument): RejectedDocument {
    const { header, reason } = withdrawn;
    const rejected = { key, revision: header.revision, reason };
    this.#withdrawn.set(key, withdrawn);
    this.#rejected.set(key, rejected);
    return rejected;
  }

  /** Brings workers back to what is in force, whatever newer revision they have taken. */
  #sendInForce(keys: readonly string[]): void {
    const documents = keys.flatMap((key) => this.#inForce.get(key) ?? []);
    const gone = keys.filter((key) => !this.#inForce.has(key));
    if (gone.length > 0) this.#deps.broadcast({ type: 'removed', keys: gone });
    const all = [...documents, ...this.#placeholders(gone)];
    this.#sends.sendAll(all);
  }

  /** Workers that had taken a newer revision, still undecided, have just been brought back from it. */
  #askAgain(keys: readonly string[]): void {
    const documents = keys.flatMap((key) => this.#candidates.get(key)?.document ?? []);
    for (const document of documents) this.#candidates.add(document, this.#deps.workerIds());
    this.#sends.sendAll(documents);
  }

  /**
   * Withdrawn tenants without a good revision, as documents that cannot be used: their hosts are known and answer 503,
   * where 404 would say that there is no such tenant. Without a rollout the tenant's own document serves.
   */
  *#placeholders(keys: Iterable<string> = this.#withdrawn.keys()): Generator<WorkerDocument> {
    for (const key of keys) {
      const header = this.#withdrawn.get(key)?.header;
      if (header === undefined || header.kind === 'rollout' || this.#inForce.has(key)) continue;
      yield { key, header, body: '' };
    }
  }

  /** A document that was taken unseen turned out not to compile on first use, or to compile after all. */
  #noteLateOutcome(outcome: DocumentOutcome): void {
    if (outcome.outcome === 'rejected') this.#reject(outcome);
    else this.#noteRecovered(outcome);
  }

  #noteRecovered(outcome: DocumentOutcome): void {
    if (this.#rejected.get(outcome.key)?.revision !== outcome.revision) return;
    // That it compiles was never in doubt; the answer of a worker may come after the withdrawal.
    if (this.#withdrawn.get(outcome.key)?.header.revision === outcome.revision) return;
    this.#rejected.delete(outcome.key);
    this.#tell(outcome);
  }

  #completeIfDecided(key?: string): void {
    if (this.#undecided === null) return;
    if (key !== undefined) this.#undecided.delete(key);
    if (this.#undecided.size > 0) return;
    this.#undecided = null;
    this.#complete = true;
    this.#writer.writeEverything();
  }

  #writeToDisk(document: WorkerDocument): void {
    if (this.#complete) this.#writer.write(document);
  }

  #everything(): { readonly good: readonly WorkerDocument[]; readonly unproven: Unproven } {
    const good: WorkerDocument[] = [];
    const fresh: WorkerDocument[] = [];
    for (const [key, document] of this.#inForce) {
      const before = this.#deps.probation.goodOf(key);
      if (before === undefined) good.push(document);
      else fresh.push(document);
      if (before !== undefined && before !== null) good.push(before);
    }
    return { good, unproven: { fresh, withdrawn: [...this.#withdrawn.values()] } };
  }

  #tell(outcome: DocumentOutcome): void {
    this.#deps.onDecided(outcome, this.#deps.clock.nowMs());
  }
}
