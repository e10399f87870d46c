import { parentPort, workerData } from 'node:worker_threads';
import { readCorpus } from '../generate/request-input.ts';
import type { JustifiedCounts } from '../oracles/justified.ts';
import { readWithCodec } from '../read/codec-reader.ts';
import { createLlhttpReader } from '../read/llhttp-reader.ts';
import { checkCodecInput, type CodecVerdict } from './codec-check.ts';

// A thread that checks every `step`-th input. It writes down which one it is at before it begins with it, so that the
// thread that watches knows whose fault a hang is.

/** What the thread is given. */
export interface CodecWorkerData {
  readonly seed: number;
  /** First input and the one behind the last. */
  readonly from: number;
  readonly to: number;
  readonly step: number;
  /** One Int32: the input at work. */
  readonly at: SharedArrayBuffer;
}

/** What the thread reports, in batches. */
export interface CodecReport {
  readonly inputs: number;
  readonly requests: number;
  readonly refused: number;
  readonly findings: readonly NonNullable<CodecVerdict['finding']>[];
  readonly justified: JustifiedCounts;
}

const BATCH = 500;

const { seed, from, to, step, at } = workerData as CodecWorkerData; // made by runCodecTarget
const position = new Int32Array(at);
let justified: JustifiedCounts = {};
const deps = {
  read: readWithCodec,
  llhttp: createLlhttpReader(),
  corpus: readCorpus('client'),
  onJustified: (id: keyof JustifiedCounts) => void (justified[id] = (justified[id] ?? 0) + 1),
};

let verdicts: CodecVerdict[] = [];
for (let index = from; index < to; index += step) {
  Atomics.store(position, 0, index);
  const verdict = await checkCodecInput(seed, index, deps);
  verdicts.push(verdict);
  // A finding is told at once: the next input may be one that hangs.
  if (verdict.finding !== null || verdicts.length === BATCH) report();
}
report();

function report(): void {
  const batch: CodecReport = {
    inputs: verdicts.length,
    requests: verdicts.reduce((sum, verdict) => sum + verdict.requests, 0),
    refused: verdicts.filter(({ refused }) => refused).length,
    findings: verdicts.flatMap(({ finding }) => (finding === null ? [] : [finding])),
    justified,
  };
  parentPort?.postMessage(batch);
  verdicts = [];
  justified = {};
}
