import type { ConfigFault } from './config-fault.ts';
import { watchRevisions } from './revision-watch.ts';

const CONVERGED_MS_MAX = 10_000;
const CHANGES_EACH = 5;

/** N7: the watch of an edge dies with each restart of the server. */
export const natsRestarts: ConfigFault = {
  id: 'N7',
  fault: 'nats-server restarted 20 × during updates',
  required: '20/20 converge ≤ 10 s',
  scale: ({ natsRestarts: times }) => `${times} ×`,
  async run(rig, { natsRestarts: times }) {
    const { nats } = rig.cluster;
    const work = async () => {
      const tookMs: number[] = [];
      for (let restart = 0; restart < times; restart += 1) {
        // In an orderly way, and by kill -9.
        const restarting =
          restart % 2 === 0 ? nats.restart() : nats.kill().then(() => nats.restart());
        let last = await rig.change();
        for (let count = 1; count < CHANGES_EACH; count += 1) last = await rig.change();
        await restarting;
        const upMs = performance.now();
        tookMs.push(await rig.untilServed({ ...last, repliedMs: upMs }));
      }
      return tookMs;
    };
    const { value: load, regressions, told } = await watchRevisions(rig, () => rig.underLoad(work));
    const quick = load.value.filter((ms) => ms <= CONVERGED_MS_MAX).length;
    return {
      figure: `${quick} of ${times}, the slowest after ${Math.max(...load.value).toFixed(0)} ms; ${told}; ${load.text}`,
      ok: quick === times && regressions === 0 && load.failed === 0,
    };
  },
};
