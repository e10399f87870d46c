import { truncate } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { freePort, startProcess } from '@headgate/testkit';
import { request } from 'undici';
import { writeEdgeFiles } from './edge-files.ts';
import { benchDocuments, type Protection } from './tenant-documents.ts';
import type { CandidateContext, RunningCandidate } from './candidate.ts';
import { serves } from './serves.ts';

const MAIN = fileURLToPath(new URL('../../../../services/edge/src/main.ts', import.meta.url));

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
  /** API keys and limits. Default: neither. */
  readonly protection?: Protection;
  /** What the metrics of an edge that did its work tell against its figures. Default: nothing. */
  readonly findFaults?: (metrics: string) => readonly string[];
}

/** The standard profile: all that an edge does per request, without limits. */
export function standardProfile(
  name: string,
  tenants: number,
  { directory, otlpUrl }: Pick<CandidateContext, 'directory' | 'otlpUrl'>,
): EdgeProfile {
  return {
    name,
    tenants,
    output: `${directory}/access.log`,
    env: { OTEL_EXPORTER_OTLP_ENDPOINT: otlpUrl, OTEL_TRACES_SAMPLER_ARG: '0.01' },
  };
}

/**
 * Starts an edge with one worker from a configuration on disk. NATS holds none, or is not there: an edge serves without.
 */
export async function startEdge(
  profile: EdgeProfile,
  context: CandidateContext,
): Promise<RunningCandidate> {
  const dataDirectory = `${context.directory}/data`;
  const documents = benchDocuments(profile.tenants, context.backendPorts, profile.protection);
  await writeEdgeFiles(dataDirectory, documents);
  const headers = { ...context.headers, host: context.hosts[0] ?? '' };
  const port = await freePort();
  const adminPort = await freePort();
  const tlsPort = await freePort();
  const started = await startProcess({
    name: profile.name,
    command: '/bin/sh',
    args: ['-c', WITH_OUTPUT_IN_FILE, 'sh', profile.output, process.execPath, MAIN],
    env: {
      OTEL_EXPORTER_OTLP_ENDPOINT: undefined,
      HEADGATE_NODE_ID: profile.name,
      HEADGATE_EDGE_LISTEN: `127.0.0.1:${port}`,
      HEADGATE_EDGE_TLS_LISTEN: `127.0.0.1:${tlsPort}`,
      HEADGATE_EDGE_TLS_CERTIFICATE_FILE: context.tls.certificate,
      HEADGATE_EDGE_TLS_KEY_FILE: context.tls.key,
      HEADGATE_ADMIN_LISTEN: `127.0.0.1:${adminPort}`,
      HEADGATE_EDGE_WORKERS: '1',
      HEADGATE_EDGE_DRAIN_MS: '0', // wrk is gone when an edge is stopped
      HEADGATE_DATA_DIR: dataDirectory,
      HEADGATE_NATS_URL: 'nats://127.0.0.1:1',
      HEADGATE_REDIS_URL: 'redis://127.0.0.1:1',
      ...context.edgeEnv,
      ...profile.env,
    },
    readyWhen: () => serves(port, headers, context.path),
    readyTimeoutMs: 120_000,
  });
  return {
    port,
    tlsPort,
    pid: started.pid,
    // Some 500 bytes a record: a full run would write 500 MB.
    ...(profile.output === '/dev/null' ? {} : { afterRound: () => truncate(profile.output) }),
    findFaults: async () => {
      const metrics = await readMetrics(adminPort);
      return [...findLosses(metrics), ...(profile.findFaults?.(metrics) ?? [])];
    },
    stop: () => started.stop(),
  };
}

async function readMetrics(adminPort: number): Promise<string> {
  const answer = await request(`http://127.0.0.1:${adminPort}/metrics`, { reset: true });
  return answer.body.text();
}

/** Records and spans that were dropped are work that was not measured. */
function findLosses(metrics: string): readonly string[] {
  return LOSSES.flatMap((name) => {
    const sample = new RegExp(`^${name}(?:\\{.*\\})? (\\S+)$`, 'm').exec(metrics);
    if (sample === null) return [`${name} is not among its metrics`];
    return Number(sample[1]) === 0 ? [] : [`${name} is ${sample[1]}`];
  });
}
