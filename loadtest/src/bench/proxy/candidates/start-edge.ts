import { truncate } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { freePort, startProcess } from '@headgate/testkit';
import { request } from 'undici';
import { writeEdgeFiles } from '../edge-files.ts';
import { benchDocuments } from '../tenant-documents.ts';
import type { CandidateContext, RunningCandidate } from './candidate.ts';
import { serves } from './serves.ts';

const MAIN = fileURLToPath(new URL('../../../../../services/edge/src/main.ts', import.meta.url));

/** The shell opens the file of access records for appending, as a log collector would; `exec` keeps the pid. */
const WITH_OUTPUT_IN_FILE = 'out=$1; shift; exec "$@" >>"$out"';

/** Counters that must stay at 0. */
const LOSSES = ['headgate_access_records_dropped_total', 'headgate_spans_dropped_total'];

/** What differs between the profiles of an edge. */
export interface EdgeProfile {
  readonly name: string;
  readonly tenants: number;
  /** File that access records go to. */
  readonly output: string;
  readonly env: Readonly<Record<string, string>>;
}

/**
 * Starts an edge with one worker from a configuration on disk. NATS and Redis are not there: an edge serves without
 * them, and no request of this benchmark has a limit.
 */
export async function startEdge(
  profile: EdgeProfile,
  context: CandidateContext,
): Promise<RunningCandidate> {
  const dataDirectory = `${context.directory}/data`;
  await writeEdgeFiles(dataDirectory, benchDocuments(profile.tenants, context.backendPorts));
  const port = await freePort();
  const adminPort = await freePort();
  const started = await startProcess({
    name: profile.name,
    command: '/bin/sh',
    args: ['-c', WITH_OUTPUT_IN_FILE, 'sh', profile.output, process.execPath, MAIN],
    env: {
      OTEL_EXPORTER_OTLP_ENDPOINT: undefined,
      HEADGATE_NODE_ID: profile.name,
      HEADGATE_EDGE_LISTEN: `127.0.0.1:${port}`,
      HEADGATE_ADMIN_LISTEN: `127.0.0.1:${adminPort}`,
      HEADGATE_EDGE_WORKERS: '1',
      HEADGATE_EDGE_DRAIN_MS: '0', // wrk is gone when an edge is stopped
      HEADGATE_DATA_DIR: dataDirectory,
      HEADGATE_NATS_URL: 'nats://127.0.0.1:1',
      HEADGATE_REDIS_URL: 'redis://127.0.0.1:1',
      ...profile.env,
    },
    readyWhen: () => serves(port, context.hosts[0] ?? '', context.path),
    readyTimeoutMs: 120_000,
  });
  return {
    port,
    pid: started.pid,
    // Some 500 bytes a record: a full run would write 500 MB.
    ...(profile.output === '/dev/null' ? {} : { afterRound: () => truncate(profile.output) }),
    findFaults: () => findLosses(adminPort),
    stop: () => started.stop(),
  };
}

/** Records and spans that were dropped are work that was not measured. */
async function findLosses(adminPort: number): Promise<readonly string[]> {
  const answer = await request(`http://127.0.0.1:${adminPort}/metrics`, { reset: true });
  const text = await answer.body.text();
  return LOSSES.flatMap((name) => {
    const sample = new RegExp(`^${name}(?:\\{.*\\})? (\\S+)$`, 'm').exec(text);
    if (sample === null) return [`${name} is not among its metrics`];
    return Number(sample[1]) === 0 ? [] : [`${name} is ${sample[1]}`];
  });
}
