import { Worker } from 'node:worker_threads';
import { FuzzRandom, inputSeed } from '../fuzz-random.ts';
import { escapeBytes, type TargetSummary } from '../finding.ts';
import { readCorpus, requestInput } from '../generate/request-input.ts';
import type { CodecReport, CodecWorkerData } from './codec-worker.ts';
import { TargetRun, type TargetOptions } from './target-run.ts';

/** How the threads are watched. */
export interface CodecThreads {
  /** How many; each takes every n-th input. */
  readonly count: number;
  /** An input that takes longer in ms hangs. Default 10,000; most take less than one. */
  readonly hangMs?: number;
  /** What runs in them; a test puts something there that hangs. */
  readonly program?: URL;
}

const HANG_MS = 10_000;
const WATCH_MS = 100;
/** In place of an index: the thread is being started, which may take long on a busy machine. */
const NOT_BEGUN = -1;
const PROGRAM = new URL('./codec-worker.ts', import.meta.url);

/**
 * Checks the codec, in process, against itself (splits), a reader written from the grammar, and
 * llhttp. Works in threads, so that an endless loop is noticed.
 */
export async function runCodecTarget(
  options: TargetOptions,
  threads: CodecThreads,
): Promise<TargetSummary> {
  const run = new TargetRun('codec', options);
  const lanes = Array.from({ length: threads.count }, (_, lane) => runLane(run, lane, threads));
  await Promise.all(lanes);
  return run.summary();
}

/** One thread after the other, should one hang; it goes on behind the input that hung. */
async function runLane(run: TargetRun, lane: number, threads: CodecThreads): Promise<void> {
  const step = threads.count;
  const { seed, from, inputs } = run.options;
  let next = from + lane;
  while (next < from + inputs && !run.over) {
    const at = new SharedArrayBuffer(4);
    const hung = await runThread(run, threads, { seed, from: next, to: from + inputs, step, at });
    if (hung === null) return;
    const bytes = requestInput(
      new FuzzRandom(inputSeed(seed, 'codec', hung)),
      readCorpus('client'),
    );
    run.find({
      kind: 'hang',
      index: hung,
      detail: `longer than ${threads.hangMs ?? HANG_MS} ms`,
      input: escapeBytes(bytes),
    });
    next = hung + step;
  }
}

/** Runs until all inputs are done or the time is up (null), or until an input hangs (its index). */
async function runThread(
  run: TargetRun,
  { hangMs = HANG_MS, program = PROGRAM }: CodecThreads,
  data: CodecWorkerData,
): Promise<number | null> {
  const position = new Int32Array(data.at).fill(NOT_BEGUN);
  const worker = new Worker(program, { workerData: data });
  let seen = NOT_BEGUN;
  let sinceMs = performance.now();
  let hung: number | null = null;
  worker.on('message', (report: CodecReport) => addReport(run, report));
  const watch = setInterval(() => {
    const now = Atomics.load(position, 0);
    if (now !== seen || now === NOT_BEGUN) sinceMs = performance.now();
    seen = now;
    if (performance.now() - sinceMs > hangMs) hung = now;
    if (hung !== null || run.over) void worker.terminate();
  }, WATCH_MS);
  try {
    await new Promise<void>((resolve, reject) => {
      worker.once('error', reject);
      worker.once('exit', () => resolve());
    });
  } finally {
    clearInterval(watch);
  }
  return hung;
}

function addReport(run: TargetRun, report: CodecReport): void {
  run.done(report.inputs);
  run.count('requests accepted', report.requests);
  run.count('inputs refused', report.refused);
  for (const finding of report.findings) run.find(finding);
  for (const [id, count] of Object.entries(report.justified)) run.count(`justified: ${id}`, count);
}
