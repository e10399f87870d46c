import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { OpenLoopReport } from '../open-loop/open-loop.ts';
import { runOpenLoop } from '../open-loop/run-open-loop.ts';
import { ACTIVE_TENANTS, REQUEST_PATH } from '../side-by-side/settings.ts';
import { activeHosts } from '../side-by-side/tenant-documents.ts';
import { TRAFFIC_CONNECTIONS } from './settings.ts';

/** Load is thrown away for so long before it is measured. */
const SETTLE_SECONDS = 1;

/** Where requests go, and how many. */
export interface Traffic {
  readonly ports: readonly number[];
  readonly hostsFile: string;
  readonly perSecond: number;
  /** Arguments to be put before the generator of load; default: none. */
  readonly startBy?: readonly string[];
  readonly signal: AbortSignal;
}

/** Writes the hosts that requests name: some of all tenants, spread evenly. Returns the path. */
export async function writeTrafficHosts(directory: string, tenants: number): Promise<string> {
  const file = join(directory, 'traffic-hosts');
  const hosts = activeHosts(tenants, Math.min(ACTIVE_TENANTS, tenants));
  await writeFile(file, `${hosts.join('\n')}\n`);
  return file;
}

/** What requests saw while something happened, and what that returned. */
export interface UnderTraffic<Value> {
  readonly report: OpenLoopReport;
  readonly value: Value;
}

/** Sends requests for `seconds`, and after a second of them does `work`, which should take no longer. */
export async function underTraffic<Value>(
  traffic: Traffic,
  seconds: number,
  work: () => Promise<Value>,
): Promise<UnderTraffic<Value>> {
  const load = runOpenLoop(
    {
      ports: [...traffic.ports],
      hostsFile: traffic.hostsFile,
      path: REQUEST_PATH,
      perSecond: traffic.perSecond,
      connections: TRAFFIC_CONNECTIONS,
      settleSeconds: SETTLE_SECONDS,
      measureSeconds: seconds,
      seed: 1,
      spins: false,
      reconnects: true,
    },
    traffic.signal,
    traffic.startBy,
  );
  load.catch(() => undefined); // awaited below, unless the work fails first
  await new Promise((resolve) => setTimeout(resolve, SETTLE_SECONDS * 1000));
  const value = await work();
  return { report: await load, value };
}
