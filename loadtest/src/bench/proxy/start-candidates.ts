import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { ShutdownStack } from '@headgate/runtime';
import { BenchmarkError, type LeftOut } from '../benchmark.ts';
import type { Candidate, CandidateContext, RunningCandidate } from './candidates/candidate.ts';
import { leftOutLine } from './report-lines.ts';
import { probeCandidate } from './probe-candidate.ts';

/** A candidate that runs and answers as it should. */
export interface StartedCandidate {
  readonly candidate: Candidate;
  readonly running: RunningCandidate;
}

/** Result of {@link startCandidates}. */
export interface StartedCandidates {
  readonly started: readonly StartedCandidate[];
  readonly leftOut: readonly LeftOut[];
}

/** What {@link startCandidates} needs beside the candidates. */
export interface StartOptions {
  readonly context: Omit<CandidateContext, 'directory'>;
  /** Each candidate gets a directory below this one. */
  readonly directory: string;
  /** Gets a step for each candidate that was started. */
  readonly shutdown: ShutdownStack;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

/**
 * Starts candidates one after the other and checks their answers. A peer that is missing, does not start or answers
 * wrongly is left out and named.
 *
 * @throws BenchmarkError if that happens to Headgate: there is nothing to compare then.
 */
export async function startCandidates(
  candidates: readonly Candidate[],
  options: StartOptions,
): Promise<StartedCandidates> {
  const started: StartedCandidate[] = [];
  const leftOut: LeftOut[] = [];
  for (const candidate of candidates) {
    options.signal.throwIfAborted();
    const outcome = await startCandidate(candidate, options);
    if (typeof outcome !== 'string') {
      started.push({ candidate, running: outcome });
      continue;
    }
    if (candidate.name.startsWith('headgate')) {
      throw new BenchmarkError(`${candidate.name}: ${outcome}`);
    }
    const left = { name: candidate.name, reason: outcome };
    leftOut.push(left);
    options.say(leftOutLine(left));
  }
  return { started, leftOut };
}

/** The running candidate, or why it does not run. */
async function startCandidate(
  candidate: Candidate,
  options: StartOptions,
): Promise<RunningCandidate | string> {
  const missing = await candidate.missing();
  if (missing !== null) return missing;
  const directory = join(options.directory, candidate.name);
  await mkdir(directory);
  const { hosts, path } = options.context;
  const probed = candidate.hosts === 'one' ? hosts.slice(0, 1) : hosts.filter(isProbed);
  try {
    const running = await candidate.start({ ...options.context, directory });
    options.shutdown.push(candidate.name, async () => void (await running.stop()));
    await probeCandidate(running.port, probed, path);
    return running;
  } catch (error) {
    return `does not work here: ${inOneLine(error)}`;
  }
}

/** What failed stands in the first line, why in the last line of the process's output. */
function inOneLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  return [...new Set([lines.at(0), lines.at(-1)])].join('; ');
}

/** The first, the last and some between. */
function isProbed(_host: string, index: number, hosts: readonly string[]): boolean {
  return index % Math.ceil(hosts.length / 8) === 0 || index === hosts.length - 1;
}
