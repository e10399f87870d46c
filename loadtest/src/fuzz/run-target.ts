import type { Target, TargetSummary } from './finding.ts';
import { startEdgeRig, type EdgeRig } from './rig/edge-rig.ts';
import { runCodecTarget } from './targets/codec.ts';
import { runCutsTarget } from './targets/cuts.ts';
import { runEdgeTarget } from './targets/edge.ts';
import { runResponsesTarget } from './targets/responses.ts';
import type { TargetOptions } from './targets/target-run.ts';

/** More threads would only wait for cores. */
const THREADS_MAX = 8;

/** Runs targets one after the other; those that need an edge share one. */
export interface TargetRunner {
  run(target: Target, options: TargetOptions): Promise<TargetSummary>;
  /** Ends the edge. */
  stop(): Promise<void>;
}

/** Creates a runner. @param cores that it may use. */
export function createTargetRunner(cores: number): TargetRunner {
  let rig: Promise<EdgeRig> | null = null;
  const edge = (): Promise<EdgeRig> => (rig ??= startEdgeRig());
  return {
    async run(target, options) {
      switch (target) {
        case 'codec':
          return runCodecTarget(options, { count: Math.min(cores, THREADS_MAX) });
        case 'edge':
          return runEdgeTarget(options, await edge());
        case 'responses':
          return runResponsesTarget(options, await edge());
        case 'cuts':
          return runCutsTarget(options, await edge());
      }
    },
    stop: async () => (await rig)?.stop(),
  };
}
