import { parentPort, workerData } from 'node:worker_threads';
import type { CodecReport, CodecWorkerData } from '../../src/fuzz/targets/codec-worker.ts';

// Stands for the worker of the codec target: reports every input as good, but never comes back from input 3.

const HANGS_AT = 3;

const { from, to, step, at } = workerData as CodecWorkerData; // made by runCodecTarget
const position = new Int32Array(at);
for (let index = from; index < to; index += step) {
  Atomics.store(position, 0, index);
  while (index === HANGS_AT) Atomics.load(position, 0);
  const report: CodecReport = { inputs: 1, requests: 0, refused: 0, findings: [], justified: {} };
  parentPort?.postMessage(report);
}
