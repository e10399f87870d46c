import { startRedisSentinel } from '@headgate/testkit';
import type { LimitFault, LimitFinding } from './limit-fault.ts';
import { LIMIT, LimitRig, type FaultRun } from './limit-rig.ts';

function exactFinding(run: FaultRun): LimitFinding {
  const figure = `${run.told}; busiest second ${run.busiest} of ${LIMIT}, ${run.admittedInFault} admitted meanwhile`;
  return { figure, ok: run.odd === 0 && run.busiest <= LIMIT && run.admittedInFault > 0 };
}

/** The bus that tells edges of each other. */
export const natsCut: LimitFault = {
  id: 'NATS',
  fault: 'NATS is killed, later restarted',
  bound: '0 failed; ≤ the limit all the time',
  async run(rig) {
    const { nats } = rig.cluster;
    return exactFinding(
      await rig.underFault({ begin: () => nats.kill(), end: () => nats.restart() }),
    );
  },
};

/** What the edge had leased is wasted. It accepts no connection before it knows Redis again. */
export const edgeKilled: LimitFault = {
  id: 'edge',
  fault: 'kill -9 of one of three edges, later restarted',
  bound: '0 failed at the others; ≤ the limit all the time',
  async run(rig) {
    const killed = rig.cluster.edges.length - 1;
    const component = rig.cluster.edges[killed]?.component;
    return exactFinding(
      await rig.underFault({
        begin: async () => component?.kill(),
        end: async () => component?.start(),
        killed,
      }),
    );
  },
};

/** R3: on edges of its own, as they have another Redis. */
export async function masterKilled(seed: number, holdMs: number): Promise<LimitFinding> {
  const redis = await startRedisSentinel();
  try {
    const rig = await LimitRig.start(seed, holdMs, { HEADGATE_REDIS_URL: redis.url });
    try {
      const run = await rig.underFault({ begin: () => redis.master.kill() });
      const exactMs = holdMs + run.exactMs;
      const figure =
        `${run.told}; exact at the latest after ${exactMs.toFixed(0)} ms; busiest second ${run.busiest}, ` +
        `afterwards ${run.busiestAfter} of ${LIMIT}`;
      const ok =
        run.odd === 0 &&
        exactMs <= 10_000 &&
        run.busiest < 2 * LIMIT &&
        run.busiestAfter <= LIMIT &&
        (await redis.masterPort()) === redis.replica.port;
      return { figure, ok };
    } finally {
      await rig.stop();
    }
  } finally {
    await redis.stop();
  }
}
