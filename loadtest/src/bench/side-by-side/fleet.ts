import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { BenchmarkError, type LeftOut } from '../benchmark.ts';
import { BODY } from './backend.ts';
import type { Candidate, CandidateContext, RunningCandidate } from './candidate.ts';
import { checkAnswers } from './check-answers.ts';
import { leftOutLine } from './report-lines.ts';
import { activeHosts } from './tenant-documents.ts';

/** Hosts of a candidate that are asked before it is measured. */
const CHECKED_HOSTS_MAX = 8;

/** What a fleet needs. */
export interface FleetOptions {
  readonly context: Omit<CandidateContext, 'directory'>;
  /** Each candidate gets a directory below this one. */
  readonly directory: string;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

/** Starts candidates and stops what is left of them; a peer that does not work here is left out and named. */
export class Fleet {
  readonly #options: FleetOptions;
  readonly #running = new Map<RunningCandidate, string>();
  readonly #leftOut = new Map<string, LeftOut>();
  readonly #faults: string[] = [];
  #count = 0;

  constructor(options: FleetOptions) {
    this.#options = options;
  }

  /** What was not measured so far, with the reasons. */
  get leftOut(): readonly LeftOut[] {
    return [...this.#leftOut.values()];
  }

  /** What stopped candidates did not do of their profiles, and measurements that failed. */
  get faults(): readonly string[] {
    return this.#faults;
  }

  /**
   * Starts a candidate and checks its answers; null if it is left out.
   *
   * @throws BenchmarkError if that happens to Headgate: there is nothing to compare then.
   */
  async start(candidate: Candidate): Promise<RunningCandidate | null> {
    this.#options.signal.throwIfAborted();
    if (this.#leftOut.has(candidate.name)) return null;
    const outcome = await this.#tryToStart(candidate);
    if (typeof outcome !== 'string') return outcome;
    if (candidate.name.startsWith('headgate')) {
      throw new BenchmarkError(`${candidate.name}: ${outcome}`);
    }
    this.leaveOut({ name: candidate.name, reason: outcome });
    return null;
  }

  /** Notes something that is not measured, and says so. */
  leaveOut(left: LeftOut): void {
    this.#leftOut.set(left.name, left);
    this.#options.say(leftOutLine(left));
  }

  /**
   * Notes that the measurement of a candidate failed: the others go on, and the report has a fault.
   *
   * @throws the error itself if the run is being interrupted
   */
  noteFailure(name: string, error: unknown): void {
    if (this.#options.signal.aborted) throw error;
    const fault = `${name}: ${inOneLine(error)}`;
    this.#faults.push(fault);
    this.#options.say(`FAULT ${fault}`);
  }

  /** Stops a candidate; keeps what it tells about lost work. */
  async stop(running: RunningCandidate): Promise<void> {
    const name = this.#running.get(running);
    if (name === undefined) return;
    this.#running.delete(running);
    try {
      const found = (await running.findFaults?.()) ?? [];
      this.#faults.push(...found.map((fault) => `${name}: ${fault}`));
    } catch (error) {
      this.#faults.push(`${name}: does not tell what it lost: ${inOneLine(error)}`);
    } finally {
      await running.stop();
    }
  }

  /** Stops all that run, without asking them for faults. */
  async close(): Promise<void> {
    const running = [...this.#running.keys()];
    this.#running.clear();
    await Promise.all(running.map((candidate) => candidate.stop()));
  }

  /** The running candidate, or why it does not run. */
  async #tryToStart(candidate: Candidate): Promise<RunningCandidate | string> {
    const missing = await candidate.missing();
    if (missing !== null) return missing;
    const { context, directory } = this.#options;
    this.#count += 1;
    const own = join(directory, `${this.#count}-${candidate.name}`);
    await mkdir(own);
    const { tenants, activeTenants } = candidate;
    const checked = activeHosts(tenants, Math.min(activeTenants, CHECKED_HOSTS_MAX));
    try {
      const running = await candidate.start({ ...context, directory: own });
      this.#running.set(running, candidate.name);
      await checkAnswers(running.port, checked, { ...context, body: BODY });
      return running;
    } catch (error) {
      return `does not work here: ${inOneLine(error)}`;
    }
  }
}

/** What failed stands in the first line, why in the last line of the process's output. */
function inOneLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  return [...new Set([lines.at(0), lines.at(-1)])].join('; ');
}
