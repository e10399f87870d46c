import { setTimeout as sleep } from 'node:timers/promises';
import { waitFor } from '@headgate/testkit';
import { treeRssBytes } from '../../bench/process-tree.ts';
import { firstEdge } from '../../cluster/cluster.ts';
import type { ConfigFault } from './config-fault.ts';
import { watchRevisions } from './revision-watch.ts';

const HEALED_MS_MAX = 5000;
const CONVERGED_MS_MAX = 10_000;
const CHANGE_GAP_MS = 50;

/** N3: an edge hears nothing while others do. */
export const partition: ConfigFault = {
  id: 'N3',
  fault: 'an edge partitioned for 10 min, heals',
  required: 'newest revision ≤ 5 s; 0 regressions of revision',
  scale: ({ partitionMs }) => `10 min as ${partitionMs / 1000} s`,
  async run(rig, { partitionMs }) {
    const edge = firstEdge(rig.cluster);
    const work = async () => {
      const { proxy } = rig.linkOf(edge);
      proxy.partition();
      const untilMs = performance.now() + partitionMs;
      let changes = 1;
      let last = await rig.change();
      while (performance.now() < untilMs) {
        last = await rig.change();
        changes += 1;
        await sleep(CHANGE_GAP_MS);
      }
      const { feed } = await rig.config(edge);
      proxy.resume();
      const healedMs = await rig.untilServed({ ...last, repliedMs: performance.now() });
      return { changes, healedMs, behind: last.revision - feed.revision };
    };
    const { value: load, regressions, told } = await watchRevisions(rig, () => rig.underLoad(work));
    const { changes, healedMs, behind } = load.value;
    return {
      figure: `newest after ${healedMs.toFixed(0)} ms, ${behind} of ${changes} revisions behind before; ${told}; ${load.text}`,
      ok: healedMs <= HEALED_MS_MAX && behind > 0 && regressions === 0 && load.failed === 0,
    };
  },
};

/** N4: the process that hears of changes stands still while thousands come. */
export const stalledEdge: ConfigFault = {
  id: 'N4',
  fault: 'slow consumer: an edge’s primary stands still for 10 s, 5,000 updates',
  required: 'converges ≤ 10 s; memory ≤ 2 ×',
  scale: ({ stallMs, stalledUpdates }) => `${stallMs / 1000} s, ${stalledUpdates} updates`,
  async run(rig, { stallMs, stalledUpdates }) {
    const edge = firstEdge(rig.cluster);
    const primary = edge.component.process;
    const beforeBytes = await treeRssBytes(primary.pid);
    const work = async () => {
      primary.kill('SIGSTOP');
      const untilMs = performance.now() + stallMs;
      let [before, last] = [await rig.changeAll(), await rig.changeAll()];
      for (let updates = 2 * rig.tenants; updates < stalledUpdates; updates += rig.tenants) {
        await rig.published();
        [before, last] = [last, await rig.changeAll()];
      }
      await sleep(Math.max(0, untilMs - performance.now()));
      const stalledMs = stallMs + performance.now() - untilMs;
      primary.kill('SIGCONT');
      const fromMs = performance.now();
      await waitFor(
        async () => {
          const { documents } = await rig.config(edge);
          // Documents of a bundle have revisions of their own, one after the other.
          const newest = documents.filter(({ revision }) => revision > before.revision);
          return newest.length >= rig.tenants;
        },
        { message: 'the edge to hold the newest of all tenants', deadlineMs: 60_000 },
      );
      await rig.untilServed(last);
      return { convergedMs: performance.now() - fromMs, stalledMs };
    };
    const { value: load, regressions, told } = await watchRevisions(rig, () => rig.underLoad(work));
    const times = (await treeRssBytes(primary.pid)) / beforeBytes;
    const { convergedMs, stalledMs } = load.value;
    return {
      figure:
        `stood still for ${(stalledMs / 1000).toFixed(1)} s; converged after ${convergedMs.toFixed(0)} ms; ` +
        `memory × ${times.toFixed(2)}; ${told}; ${load.text}`,
      ok: convergedMs <= CONVERGED_MS_MAX && times <= 2 && regressions === 0 && load.failed === 0,
    };
  },
};
