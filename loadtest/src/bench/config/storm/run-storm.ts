import { temporaryDirectory } from '@headgate/testkit';
import type { LeftOut } from '../../benchmark.ts';
import type { ConfigRow } from '../config-row.ts';
import { writeTrafficHosts } from '../traffic.ts';
import { headgateEntrant } from './headgate-target.ts';
import { measureStorm, type StormSchedule } from './measure-storm.ts';
import { haproxyReload, nginxReload } from './reload-targets.ts';
import type { StormEntrant } from './storm-target.ts';

/** All that stand in the storm, one after the other. */
export const STORM_ENTRANTS: readonly StormEntrant[] = [
  headgateEntrant,
  haproxyReload,
  nginxReload,
];

/** What {@link runStorm} works with. */
export interface StormContext {
  readonly entrants: readonly StormEntrant[];
  readonly schedule: StormSchedule;
  readonly tenants: number;
  readonly trafficPerSecond: number;
  /** Path of nginx, the backend. */
  readonly nginx: string;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

/** What a storm found. */
export interface StormResult {
  readonly rows: readonly ConfigRow[];
  /** Proxies that are not installed. */
  readonly leftOut: readonly LeftOut[];
}

/** The same changes for each proxy under the same requests. @throws Error if one cannot be measured. */
export async function runStorm(context: StormContext): Promise<StormResult> {
  const { entrants, tenants, say, signal, trafficPerSecond } = context;
  const rows: ConfigRow[] = [];
  const leftOut: LeftOut[] = [];
  const directory = await temporaryDirectory('bench-storm');
  try {
    const hostsFile = await writeTrafficHosts(directory.path, tenants);
    for (const entrant of entrants) {
      signal.throwIfAborted();
      const reason = await entrant.missing();
      if (reason !== null) {
        leftOut.push({ name: entrant.name, reason });
        continue;
      }
      say(`${entrant.name}: ${(2 * tenants).toLocaleString('en-US')} routes`);
      const target = await entrant.start(context);
      try {
        const traffic = { ports: [target.port], hostsFile, perSecond: trafficPerSecond, signal };
        rows.push(await measureStorm(target, tenants, context.schedule, traffic));
      } finally {
        await target.stop();
      }
    }
  } finally {
    await directory.remove();
  }
  return { rows, leftOut };
}
