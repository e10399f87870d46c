import { waitFor } from '@headgate/testkit';
import { treeRssBytes } from '../../bench/process-tree.ts';
import type { EdgeRig } from '../rig/edge-rig.ts';
import type { TargetRun } from './target-run.ts';

const WATCH_MS = 1000;
const PROGRESS_INPUTS = 50;

/** Growth of the resident memory that is no leak: heaps are let grow before they are collected. */
const GROWTH_BYTES_MAX = 400 * 1024 * 1024;

const GAUGES = ['headgate_active_requests', 'headgate_downstream_connections'] as const;

/** Runs `work` for every input, some at a time, until all are done or the time is up. */
export async function runInputs(
  run: TargetRun,
  parallel: number,
  work: (index: number) => Promise<void>,
): Promise<void> {
  const { from, inputs } = run.options;
  let next = from;
  let unreported = 0;
  const lane = async (): Promise<void> => {
    while (next < from + inputs && !run.over) {
      await work(next++);
      unreported += 1;
      if (unreported < PROGRESS_INPUTS) continue;
      run.done(unreported);
      unreported = 0;
    }
  };
  await Promise.all(Array.from({ length: Math.min(parallel, inputs) }, lane));
  run.done(unreported);
}

/**
 * Watches the edge while inputs run. The function that it returns waits until the edge is idle again, then tells what it
 * left behind: bugs in the log, a worker that died, memory, open requests.
 */
export function watchEdge(run: TargetRun, rig: EdgeRig): () => Promise<void> {
  const atFirst = memoryOf(rig.pid);
  const told = new Set(rig.troubles()); // of the targets before
  const look = (): void => {
    for (const line of rig.troubles()) {
      if (told.has(line)) continue;
      told.add(line);
      run.find({ kind: 'crash', index: -1, detail: line, input: '' });
    }
  };
  const timer = setInterval(look, WATCH_MS);
  return async () => {
    clearInterval(timer);
    look();
    for (const gauge of GAUGES) {
      const left = await waitFor(async () => ((await rig.metric(gauge)) === 0 ? 'none' : null), {
        message: `${gauge} to be 0`,
        deadlineMs: 10_000,
      }).catch(async () => String(await rig.metric(gauge)));
      if (left === 'none') continue;
      run.find({ kind: 'hang', index: -1, detail: `${gauge} stays at ${left}`, input: '' });
    }
    const grown = (await memoryOf(rig.pid)) - (await atFirst);
    if (Number.isFinite(grown)) run.count('growth of memory in MiB', Math.round(grown / 1_048_576));
    if (grown > GROWTH_BYTES_MAX) {
      run.find({
        kind: 'violation',
        index: -1,
        detail: `memory grew by ${grown} bytes`,
        input: '',
      });
    }
  };
}

/** Resident memory of the edge's processes in bytes; NaN where /proc does not tell. */
function memoryOf(primary: number): Promise<number> {
  return treeRssBytes(primary).catch(() => Number.NaN);
}
