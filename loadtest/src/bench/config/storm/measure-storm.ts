import { setTimeout as sleep } from 'node:timers/promises';
import { waitFor } from '@headgate/testkit';
import { treesCpuMs } from '../../process-tree.ts';
import { serves } from '../../side-by-side/serves.ts';
import { tenantHost } from '../../side-by-side/tenant-documents.ts';
import { effectFigures, type ConfigRow } from '../config-row.ts';
import { CHANGE_DEADLINE_MS } from '../settings.ts';
import { sumOf } from '../sum-of-reports.ts';
import { changedPath, tenantOfChange } from '../tenants.ts';
import { underTraffic, type Traffic } from '../traffic.ts';
import type { StormTarget } from './storm-target.ts';

/** How long a storm lasts. */
export interface StormSchedule {
  readonly warmUpSeconds: number;
  /** Length of the phase without changes and of the storm, each under the same traffic. */
  readonly seconds: number;
  /** From one change to the next. */
  readonly gapMs: number;
}

const ASK_EVERY_MS = 2;

/** A reload that has no effect for so long is asked for again, see {@link StormTarget.reloadAgain}. */
const RELOAD_AGAIN_MS = 5000;

interface Cpu {
  readonly atMs: number;
  readonly proxyMs: number;
  readonly controlMs: number;
}

/** Measures requests without changes and then with one after the other. @throws Error if a change does not come into effect. */
export async function measureStorm(
  target: StormTarget,
  tenants: number,
  schedule: StormSchedule,
  traffic: Traffic,
): Promise<ConfigRow> {
  const { seconds, warmUpSeconds, gapMs } = schedule;
  const count = Math.floor((seconds * 1000) / gapMs);
  const wait = (forSeconds: number) => (): Promise<void> => sleep(forSeconds * 1000);
  await underTraffic(traffic, warmUpSeconds, wait(warmUpSeconds));
  const quiet = await underTraffic(traffic, seconds, () => spent(target, wait(seconds)));
  const storm = await underTraffic(traffic, seconds, () =>
    spent(target, () => followStorm(target, { tenants, count, gapMs, signal: traffic.signal })),
  );
  const times = storm.value.tookMs / quiet.value.tookMs;
  const perChange = (key: 'proxyMs' | 'controlMs'): number =>
    (storm.value[key] - quiet.value[key] * times) / count;
  return {
    name: target.name,
    profile: 'storm',
    tenants,
    routes: 2 * tenants,
    edges: 1,
    ...effectFigures(storm.value.result),
    cpuMsPerChange: perChange('proxyMs'),
    ...(target.controlPids.length === 0 ? {} : { controlCpuMsPerChange: perChange('controlMs') }),
    changesPerSecond: 1000 / gapMs,
    quietP99Ms: quiet.report.p99Ms,
    changingP99Ms: storm.report.p99Ms,
    ...sumOf(quiet.report, storm.report),
  };
}

/** Times in ms from each change until a request on a new connection is answered as it says. */
async function followStorm(
  target: StormTarget,
  storm: { tenants: number; count: number; gapMs: number; signal: AbortSignal },
): Promise<readonly number[]> {
  const all: number[] = [];
  const startMs = performance.now();
  for (let index = 0; index < storm.count; index += 1) {
    storm.signal.throwIfAborted();
    await sleep(Math.max(0, startMs + index * storm.gapMs - performance.now()));
    const tenant = tenantOfChange(index + 1, storm.tenants);
    const fromMs = performance.now();
    await bringIntoEffect(target, tenant, index + 1);
    all.push(performance.now() - fromMs);
  }
  // What the last change sets off, such as the end of the workers before it, belongs to the storm.
  await sleep(Math.max(0, startMs + storm.count * storm.gapMs - performance.now()));
  return all;
}

/** Makes a change; resolves when a request is answered as it says. */
async function bringIntoEffect(target: StormTarget, tenant: number, change: number): Promise<void> {
  let askedMs = performance.now();
  await target.change(tenant, change);
  const isInEffect = (): Promise<boolean> => {
    if (performance.now() - askedMs > RELOAD_AGAIN_MS) {
      askedMs = performance.now();
      target.reloadAgain?.();
    }
    return serves(target.port, { host: tenantHost(tenant) }, changedPath(change));
  };
  await waitFor(isInEffect, {
    message: `change ${change} to be in effect in ${target.name}`,
    deadlineMs: CHANGE_DEADLINE_MS,
    intervalMs: ASK_EVERY_MS,
  });
}

/** What a piece of work took, and what CPU time was used meanwhile. */
async function spent<Result>(target: StormTarget, work: () => Promise<Result>) {
  const before = await readCpu(target);
  const result = await work();
  const after = await readCpu(target);
  return {
    result,
    tookMs: after.atMs - before.atMs,
    proxyMs: after.proxyMs - before.proxyMs,
    controlMs: after.controlMs - before.controlMs,
  };
}

async function readCpu({ pid, controlPids }: StormTarget): Promise<Cpu> {
  const proxyMs = await treesCpuMs([pid]);
  const controlMs = await treesCpuMs(controlPids);
  return { atMs: performance.now(), proxyMs, controlMs };
}
