import type { ReceivedDocument } from '@headgate/bus';
import { documentKey, isNeededByTenants } from '@headgate/model';
import type { Clock } from '@headgate/runtime';
import type { DocumentOutcome, PrimaryMessage, RevisionFault } from '../ipc/messages.ts';
import { shortReason } from '../ipc/reason.ts';
import { isForRing } from '../ipc/ring.ts';
import { WireDocument } from '../ipc/wire-document.ts';
import { Candidates, type Candidate } from './candidates.ts';
import { batchesOf, DocumentSends } from './document-sends.ts';
import { FirstSync } from './first-sync.ts';
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
  /** The first sync is over and all workers have acted on it: every document up to this revision is decided. Told once. */
  readonly onLoaded: (revision: number, at: number) => void;
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
 * Where a revision is rejected or withdrawn, the good one before it serves. At the first sync there is none, and nothing is
 * compiled before it is asked for: tenants come in force unseen, without a word of each worker on each of 100,000. An edge
 * that has a whole configuration from its disk takes nothing unseen.
 */
export class Configuration {
  readonly #deps: ConfigurationDeps;
  readonly #inForce = new Map<string, WireDocument>();
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
  readonly #firstSync = new FirstSync();

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

  /**
   * The bus has brought everything up to this revision; to be called once. Workers that are told to listen after this know it
   * all by then.
   */
  synced(revision: number): void {
    this.#sends.flush();
    const end = { revision, untold: [...this.#untold(revision)] };
    this.#firstSync.end(end, this.#deps.workerIds(), this.#candidates.keys());
    this.#deps.broadcast({ type: 'barrier' });
    this.#finishIfLoaded();
  }

  /** A worker has acted on all that was there at the end of the first sync. */
  barrierReached(workerId: string): void {
    this.#firstSync.workerDone(workerId);
    this.#finishIfLoaded();
  }

  /** Whether no tenant is missing: restored as a whole, or synced and decided. */
  get complete(): boolean {
    return this.#complete;
  }

  get size(): number {
    return this.#inForce.size;
  }

  /** How many documents have come that workers have not decided on, or not acted on. */
  get undecided(): number {
    return this.#candidates.size + this.#firstSync.unseen;
  }

  /** Highest revision in force. */
  get revision(): number {
    let highest = 0;
    for (const { revision } of this.#inForce.values()) if (revision > highest) highest = revision;
    return highest;
  }

  rejected(): RejectedDocument[] {
    return [...this.#rejected.values()];
  }

  /** Key and revision of all documents in force. */
  *held(): Generator<readonly [key: string, revision: number]> {
    for (const [key, { revision }] of this.#inForce) yield [key, revision];
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
      const own = this.#inForce.get(documentKey('tenant', tenantId))?.revision ?? Infinity;
      const serving = isForRing(header, this.#deps.ring) && own < revision;
      return [{ tenantId, revision, serving }];
    });
  }

  /** Messages that bring a new worker up to date; from now on it decides on candidates too. */
  *primingMessages(workerId: string): Generator<PrimaryMessage> {
    yield* batchesOf([...this.#inForce.values(), ...this.#placeholders()], false);
    yield* batchesOf([...this.#failedOnUse()], true); // they may be well by now: nothing else tells
    // One by one: if the worker ends, its answers tell which one it was busy with.
    for (const document of this.#candidates.join(workerId)) {
      yield { type: 'documents', compileNow: true, documents: [document.text] };
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
    const document = WireDocument.received(received);
    // What replaces a good revision is always compiled first, so that the good one can stay. So is all that comes to an edge
    // that serves from its disk: each is told of, also if the sync takes long or never ends.
    const isServing = compileNow || this.#complete;
    if (isServing || isNeededByTenants(header.kind) || this.#inForce.has(key)) {
      this.#candidates.add(document, this.#deps.workerIds());
      this.#sends.gather(document, true);
    } else {
      this.#firstSync.noteUnseen();
      this.#sends.gather(document, false);
      this.#bringInForce(document);
    }
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
    this.#finishIfLoaded(key);
    this.#deps.broadcast({ type: 'removed', keys: [key] });
    if (header !== undefined) {
      this.#writeToDisk(WireDocument.of({ ...header, deleted: true, revision }, ''));
    }
    this.#tell({ key, revision, outcome: 'applied', reason: '' });
  }

  /** A worker has decided on documents. */
  decide(workerId: string, outcomes: readonly DocumentOutcome[]): void {
    for (const outcome of outcomes) {
      const candidate = this.#candidates.get(outcome.key);
      if (candidate?.document.revision === outcome.revision) {
        this.#decideCandidate(candidate, workerId, outcome);
      } else if (this.#inForce.get(outcome.key)?.revision === outcome.revision) {
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
      const { key, revision } = refused.document;
      const why = `workers ended while they compiled it; the last one: ${reason}`;
      this.#refuse(refused, { key, revision, outcome: 'rejected', reason: why });
    }
    for (const { document } of accepted) this.#accept(document);
    this.barrierReached(worker.id); // the next one starts with all of it
    const suspects = this.#deps.probation.workerEnded(worker.index, worker.livedMs, wasCompiling);
    return this.withdraw(suspects, `workers ended soon after it; the last one: ${reason}`);
  }

  /**
   * A revision threw in a worker. It goes at once if it is on probation, also while others are still deciding on it:
   * those that have compiled it may be about to throw, too. Else it has served for long enough to be kept.
   */
  faulted({ key, revision, reason }: RevisionFault): RejectedDocument[] {
    const candidate = this.#candidates.get(key);
    if (candidate?.document.revision === revision) this.#accept(candidate.document);
    if (this.#inForce.get(key)?.revision !== revision) return [];
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
      if (document !== undefined) this.#writer.writeGood(key, document.revision);
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

  #accept(document: WireDocument): void {
    const { key, kind, revision } = document;
    this.#candidates.delete(key);
    this.#bringInForce(document);
    this.#finishIfLoaded(key);
    // Tenants that need it may have come before it, or have failed with the one before.
    if (isNeededByTenants(kind)) {
      this.#sends.sendAll(this.#candidates.retryRefused(this.#deps.workerIds()));
    }
    if (!isForRing(document, this.#deps.ring)) return;
    this.#tell({ key, revision, outcome: 'applied', reason: '' });
  }

  #bringInForce(document: WireDocument): void {
    const { key } = document;
    this.#rejected.delete(key);
    this.#withdrawn.delete(key);
    // The first configuration of an edge has no good one before it to go back to.
    if (this.#complete) this.#deps.probation.begin(key, this.#inForce.get(key) ?? null);
    this.#put(document);
    this.#writeToDisk(document);
  }

  #put(document: WireDocument): void {
    const { key, kind } = document;
    this.#inForce.set(key, document);
    if (kind === 'rollout') this.#rollouts.add(key);
  }

  #refuse(candidate: Candidate, outcome: DocumentOutcome): void {
    this.#candidates.delete(outcome.key);
    if (candidate.approvals > 0) this.#sendInForce([outcome.key]);
    this.#reject(outcome);
  }

  #reject(outcome: DocumentOutcome): void {
    const { key, revision, reason } = outcome;
    if (this.#rejected.get(key)?.revision !== revision) {
      this.#rejected.set(key, { key, revision, reason: shortReason(reason) });
      this.#tell(outcome);
    }
    this.#finishIfLoaded(key); // which names what is rejected
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

  /** Documents in force that turned out not to compile on first use. */
  *#failedOnUse(): Generator<WireDocument> {
    for (const { key, revision } of this.#rejected.values()) {
      const document = this.#inForce.get(key);
      if (document?.revision === revision) yield document;
    }
  }

  /**
   * Withdrawn tenants without a good revision, as documents that cannot be used: their hosts are known and answer 503,
   * where 404 would say that there is no such tenant. Without a rollout the tenant's own document serves.
   */
  *#placeholders(keys: Iterable<string> = this.#withdrawn.keys()): Generator<WireDocument> {
    for (const key of keys) {
      const header = this.#withdrawn.get(key)?.header;
      if (header === undefined || header.kind === 'rollout' || this.#inForce.has(key)) continue;
      yield WireDocument.of(header, '');
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

  /** @param key of a document that is decided now. */
  #finishIfLoaded(key?: string): void {
    if (key !== undefined) this.#firstSync.decided(key);
    const end = this.#firstSync.takeEnd();
    if (end === null) return;
    if (!this.#complete) {
      this.#complete = true;
      this.#writer.writeEverything();
    }
    for (const rejected of this.#rejected.values())
      this.#tell({ ...rejected, outcome: 'rejected' });
    for (const [untold, revision] of end.untold) {
      const isInForce = this.#inForce.get(untold)?.revision === revision;
      if (isInForce && !this.#rejected.has(untold)) {
        this.#tell({ key: untold, revision, outcome: 'applied', reason: '' });
      }
    }
    this.#deps.onLoaded(end.revision, this.#deps.clock.nowMs());
  }

  /** What is in force and not covered by the word that everything up to `loaded` is. */
  *#untold(loaded: number): Generator<readonly [key: string, revision: number]> {
    for (const [key, document] of this.#inForce) {
      const { kind, revision } = document;
      const isCovered =
        kind === 'rollout' ? !isForRing(document, this.#deps.ring) : revision <= loaded;
      if (!isCovered) yield [key, revision];
    }
  }

  #writeToDisk(document: WireDocument): void {
    if (this.#complete) this.#writer.write(document);
  }

  #everything(): { readonly good: readonly WireDocument[]; readonly unproven: Unproven } {
    const good: WireDocument[] = [];
    const fresh: WireDocument[] = [];
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
