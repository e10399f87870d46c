import { connectBus, createConfigFeed, subjects, type Bus, type ConfigFeed } from '@headgate/bus';
import { ShutdownStack, systemClock, systemRandom } from '@headgate/runtime';
import { createFaultProxy, waitFor, type FaultProxy } from '@headgate/testkit';
import { treesCpuMs } from '../../bench/process-tree.ts';
import { makePacedChanges } from '../../bench/config/paced-changes.ts';
import type { ConfigFault } from './config-fault.ts';
import type { FaultRig } from './fault-rig.ts';
import { withBus } from './with-bus.ts';

const DONE_MS_MAX = 30_000;
/** The steady load that the return of all edges is compared with. */
const CHANGES_PER_SECOND = 50;
const STEADY_SECONDS = 5;
/** After the last edge is done, the checks of the first seconds are still under way. */
const WATCHED_MS = 8000;
const SAMPLE_MS = 1000;

/** N9: all edges come back at the same moment. */
export const reconnects: ConfigFault = {
  id: 'N9',
  fault: '200 edges reconnect at once, 50 changes behind',
  required: `all done ≤ 30 s; busiest second of the config-service ≤ 2 × that at ${CHANGES_PER_SECOND} changes/s`,
  scale: ({ fakeEdges }) => `${fakeEdges} feeds in one process`,
  async run(rig, { fakeEdges }) {
    const shutdown = new ShutdownStack();
    try {
      const proxy = await createFaultProxy({ port: rig.cluster.nats.port });
      shutdown.push('proxy', () => proxy.close());
      const feeds = await openFeeds(proxy, fakeEdges, shutdown);
      const change = async (): Promise<void> => void (await rig.change());
      const steady = await busiestSecond(rig, async () => {
        const count = CHANGES_PER_SECOND * STEADY_SECONDS;
        const { signal } = new AbortController();
        await makePacedChanges({ perSecond: CHANGES_PER_SECOND, count, change, signal });
      });
      proxy.partition();
      await Promise.all(Array.from({ length: 50 }, change));
      const last = await rig.change();
      await rig.published();
      const back = await busiestSecond(rig, async () => {
        const fromMs = performance.now();
        proxy.resume();
        await allSynced(feeds, last.revision);
        const doneMs = performance.now() - fromMs;
        await new Promise((resolve) =>
          setTimeout(resolve, WATCHED_MS - Math.min(doneMs, WATCHED_MS)),
        );
        return doneMs;
      });
      return {
        figure:
          `all ${fakeEdges} done after ${back.value.toFixed(0)} ms; busiest second: ${back.cpuMs.toFixed(0)} ms of CPU and ` +
          `${back.questions} questions, at ${CHANGES_PER_SECOND} changes/s ${steady.cpuMs.toFixed(0)} ms and ${steady.questions}`,
        ok: back.value <= DONE_MS_MAX && back.cpuMs <= 2 * steady.cpuMs,
      };
    } finally {
      await shutdown.close();
    }
  },
};

async function openFeeds(
  proxy: FaultProxy,
  count: number,
  shutdown: ShutdownStack,
): Promise<readonly ConfigFeed[]> {
  const deps = { clock: systemClock, random: systemRandom };
  const ignored = { onDocument: () => undefined, onRemoved: () => undefined };
  const feeds: ConfigFeed[] = [];
  const buses: Bus[] = [];
  shutdown.push('feeds', async () => {
    await Promise.all(feeds.map((feed) => feed.close()));
    await Promise.all(buses.map((bus) => bus.close()));
  });
  for (let index = 0; index < count; index += 1) {
    const servers = [`nats://127.0.0.1:${proxy.port}`];
    const bus = connectBus(deps, { servers, name: `fake-edge-${index}` });
    buses.push(bus);
    feeds.push(createConfigFeed(bus, deps, ignored));
  }
  await allSynced(feeds, 1);
  return feeds;
}

async function allSynced(feeds: readonly ConfigFeed[], revision: number): Promise<void> {
  await waitFor(
    () => feeds.map((feed) => feed.status()).every((one) => one.synced && one.revision >= revision),
    { message: `all feeds to hold revision ${revision}`, deadlineMs: 60_000, intervalMs: 20 },
  );
}

/** Does something, and tells the most that the config-service used and was asked in a second of it. */
async function busiestSecond<Value>(rig: FaultRig, work: () => Promise<Value>) {
  const { pid } = rig.cluster.configService.process;
  let [cpuMs, questions, asked] = [0, 0, 0];
  let value: Value | undefined;
  await withBus(rig.cluster.nats.url, async (bus) => {
    for (const subject of [subjects.configDigestGet, subjects.configList, subjects.configGet]) {
      bus.subscribe(subject, () => void (asked += 1));
    }
    let before = await treesCpuMs([pid]);
    let sampledMs = performance.now();
    const sample = async (): Promise<void> => {
      const now = await treesCpuMs([pid]);
      const seconds = (performance.now() - sampledMs) / 1000;
      cpuMs = Math.max(cpuMs, (now - before) / seconds);
      questions = Math.max(questions, Math.round(asked / seconds));
      [before, sampledMs, asked] = [now, performance.now(), 0];
    };
    const timer = setInterval(() => void sample(), SAMPLE_MS);
    try {
      value = await work();
    } finally {
      clearInterval(timer);
    }
  });
  return { value: value as Value, cpuMs, questions }; // `work` has returned, or this line is not reached
}
