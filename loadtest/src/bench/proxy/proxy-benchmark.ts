import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ShutdownStack } from '@headgate/runtime';
import { temporaryDirectory } from '@headgate/testkit';
import {
  BenchmarkError,
  type Benchmark,
  type BenchOptions,
  type BenchReport,
  type BenchResult,
} from '../benchmark.ts';
import { findProgram } from '../find-program.ts';
import { describeMachine } from '../machine.ts';
import { BODY_BYTES, startBackend } from './backend.ts';
import { CANDIDATES } from './candidates/candidates.ts';
import { measureRounds, type Entrant } from './measure-rounds.ts';
import { failureFaults, summarise, type ProxyRow } from './measurement.ts';
import { startOtlpSink, type OtlpSink } from './otlp-sink.ts';
import { reportLines } from './report-lines.ts';
import {
  ACTIVE_TENANTS,
  FULL_SCHEDULE,
  PROXY_CONNECTIONS,
  QUICK_SCHEDULE,
  REQUEST_PATH,
  TENANTS,
} from './settings.ts';
import { startCandidates, type StartedCandidate } from './start-candidates.ts';
import { tenantHost } from './tenant-documents.ts';

/** CPU time, throughput and latency of a small GET through Headgate and its peers. */
export const proxyBenchmark: Benchmark = {
  name: 'proxy',
  summary: 'a small GET through Headgate and its peers: CPU per request, requests/s, latency',
  run,
};

async function run(options: BenchOptions): Promise<BenchResult> {
  const programs = await findPrograms();
  const machine = describeMachine();
  const startedAt = new Date().toISOString();
  const schedule = options.quick ? QUICK_SCHEDULE : FULL_SCHEDULE;
  const shutdown = new ShutdownStack();
  try {
    const { started, leftOut, hostsFiles, sink } = await startAll(
      programs.nginx,
      options,
      shutdown,
    );
    const entrants: Entrant[] = started.map(({ candidate, running }) => ({
      name: candidate.name,
      running,
      hostsFile: hostsFiles[candidate.hosts],
    }));
    const { signal, say } = options;
    const load = {
      program: programs.wrk,
      path: REQUEST_PATH,
      connections: PROXY_CONNECTIONS,
      signal,
    };
    const measured = await measureRounds(entrants, { schedule, load, say });
    const rows = summarise(
      started.map(({ candidate: { name, profile } }) => ({
        name,
        profile,
        rounds: measured.get(name) ?? [],
      })),
    );
    const settings = {
      ...schedule,
      connections: PROXY_CONNECTIONS,
      bodyBytes: BODY_BYTES,
      tenants: TENANTS,
      activeTenants: ACTIVE_TENANTS,
    };
    const faults = await findFaults(rows, started, sink);
    const { quick } = options;
    const common = { bench: 'proxy', startedAt, quick, machine, settings };
    const report: BenchReport = { ...common, rows, leftOut, faults };
    return { report, lines: reportLines(report, rows) };
  } finally {
    for (const { name, error } of await shutdown.close()) {
      options.say(`could not end ${name}: ${String(error)}`);
    }
  }
}

async function findPrograms(): Promise<{ readonly wrk: string; readonly nginx: string }> {
  const [wrk, nginx] = await Promise.all([findProgram('wrk'), findProgram('nginx')]);
  if (process.platform !== 'linux') {
    throw new BenchmarkError('This benchmark needs Linux: it reads CPU times from /proc.');
  }
  if (wrk === null || nginx === null) {
    const missing = [wrk === null ? 'wrk' : '', nginx === null ? 'nginx' : ''].filter(Boolean);
    throw new BenchmarkError(
      `Needed and not installed: ${missing.join(', ')}. On Debian: apt-get install wrk nginx`,
    );
  }
  return { wrk, nginx };
}

/** Everything that must run before the first measurement; `shutdown` ends it. */
async function startAll(nginx: string, options: BenchOptions, shutdown: ShutdownStack) {
  const temporary = await temporaryDirectory('bench');
  shutdown.push('temporary directory', () => temporary.remove());
  const directory = temporary.path;
  const sink = await startOtlpSink();
  shutdown.push('OTLP sink', () => sink.close());
  await mkdir(join(directory, 'backend'));
  const backend = await startBackend(nginx, join(directory, 'backend'));
  shutdown.push('backend', async () => void (await backend.process.stop()));
  const hosts = Array.from({ length: TENANTS }, (_, index) => tenantHost(index));
  const hostsFiles = await writeHostsFiles(directory, hosts);
  options.say('starting the candidates');
  const { started, leftOut } = await startCandidates(CANDIDATES, {
    context: { backendPorts: backend.ports, hosts, path: REQUEST_PATH, otlpUrl: sink.url },
    directory,
    shutdown,
    say: options.say,
    signal: options.signal,
  });
  return { started, leftOut, hostsFiles, sink };
}

/** Files of the hosts that requests name. */
async function writeHostsFiles(
  directory: string,
  hosts: readonly string[],
): Promise<Readonly<Record<'all' | 'one', string>>> {
  const stride = Math.floor(hosts.length / ACTIVE_TENANTS);
  const files = { all: join(directory, 'hosts-all'), one: join(directory, 'hosts-one') };
  const active = hosts.filter((_, index) => index % stride === 0);
  await writeFile(files.all, `${active.join('\n')}\n`);
  await writeFile(files.one, `${hosts[0] ?? ''}\n`);
  return files;
}

async function findFaults(
  rows: readonly ProxyRow[],
  started: readonly StartedCandidate[],
  sink: OtlpSink,
): Promise<readonly string[]> {
  const faults = [...failureFaults(rows)];
  for (const { candidate, running } of started) {
    const found = (await running.findFaults?.()) ?? [];
    faults.push(...found.map((fault) => `${candidate.name}: ${fault}`));
  }
  if (sink.exports() === 0) faults.push('headgate: no trace was exported');
  return faults;
}
