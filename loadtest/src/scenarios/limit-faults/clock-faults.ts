import { startRedis, temporaryDirectory } from '@headgate/testkit';
import { readMetric } from '../edge-metrics.ts';
import type { LimitFinding } from './limit-fault.ts';
import { LIMIT, LimitRig } from './limit-rig.ts';
import { createSteppedClock, type SteppedClock } from './stepped-clock.ts';

const HOUR_MS = 3_600_000;
const REDIS_BACK_MS = 60_000;
/** Part of the limit that has to be admitted from a second after a step on. */
const USED_MIN = 0.9;

/** R7: on a cluster of its own, as its Redis and edges see other clocks. Null if libfaketime is not installed. */
export async function clocksStepped(seed: number, holdMs: number): Promise<LimitFinding | null> {
  const directory = await temporaryDirectory();
  try {
    const ofRedis = await createSteppedClock(directory.path, 'redis');
    const ofEdges = await createSteppedClock(directory.path, 'edges');
    if (ofRedis === null || ofEdges === null) return null;
    return await underSteps(seed, holdMs, ofRedis, ofEdges);
  } finally {
    await directory.remove();
  }
}

async function underSteps(
  seed: number,
  holdMs: number,
  ofRedis: SteppedClock,
  ofEdges: SteppedClock,
): Promise<LimitFinding> {
  const redis = await startRedis({ env: ofRedis.env });
  try {
    const rig = await LimitRig.start(seed, holdMs, {
      ...ofEdges.env,
      HEADGATE_REDIS_URL: redis.url,
    });
    try {
      const run = await rig.underFault({
        async begin() {
          await Promise.all([ofRedis.setOff(-REDIS_BACK_MS), ofEdges.setOff(HOUR_MS)]);
        },
        end: () => ofEdges.setOff(-HOUR_MS),
      });
      const steps = await Promise.all(
        rig.cluster.edges.map(({ admin }) => readMetric(admin, 'headgate_limit_clock_steps_total')),
      );
      const allowed = (LIMIT * (holdMs - 1000)) / 1000;
      const figure =
        `${run.told}; busiest second ${run.busiest} of ${LIMIT}; from a second after the step on ` +
        `${run.admittedInFault} of ${allowed} admitted; the step of Redis noticed by ${steps.filter((count) => count > 0).length} of ${steps.length} edges`;
      const ok =
        run.odd === 0 &&
        run.busiest <= LIMIT &&
        run.admittedInFault >= USED_MIN * allowed &&
        steps.every((count) => count > 0);
      return { figure, ok };
    } finally {
      await rig.stop();
    }
  } finally {
    await redis.stop();
  }
}
