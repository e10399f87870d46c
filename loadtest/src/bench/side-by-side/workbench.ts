import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ShutdownStack } from '@headgate/runtime';
import { temporaryDirectory } from '@headgate/testkit';
import { BenchmarkError, type BenchOptions } from '../benchmark.ts';
import { findProgram } from '../find-program.ts';
import { startBackend, type Backend } from './backend.ts';
import { startEdgeServices } from './edge-services.ts';
import { Fleet } from './fleet.ts';
import { startOtlpSink, type OtlpSink } from './otlp-sink.ts';
import { REQUEST_PATH, TENANTS } from './settings.ts';
import type { TlsFiles } from './candidate.ts';
import { writeTlsFiles } from './tls-files.ts';
import { activeHosts, tenantHost } from './tenant-documents.ts';

/** What all parts of the benchmark share. */
export interface Workbench {
  readonly wrk: string;
  readonly backend: Backend;
  readonly sink: OtlpSink;
  readonly fleet: Fleet;
  readonly tls: TlsFiles;
  /** Requests that a candidate answers before it is measured. */
  readonly warmUpRequests: number;
  /** Further header fields of all requests. */
  readonly headers: Readonly<Record<string, string>>;
  /** A file with one host a line: `active` tenants out of `tenants`. */
  hostsFile(tenants: number, active: number): Promise<string>;
  /** A file of these hosts; `name` is its own. */
  writeHosts(name: string, hosts: readonly string[]): Promise<string>;
}

/** Programs that the benchmark cannot do without. */
export interface Programs {
  readonly wrk: string;
  readonly nginx: string;
}

/** @throws BenchmarkError that names what to install. */
export async function findPrograms(): Promise<Programs> {
  if (process.platform !== 'linux') {
    throw new BenchmarkError('This benchmark needs Linux: it reads CPU times from /proc.');
  }
  const [wrk, nginx] = await Promise.all([findProgram('wrk'), findProgram('nginx')]);
  if (wrk === null || nginx === null) {
    const missing = [wrk === null ? 'wrk' : '', nginx === null ? 'nginx' : ''].filter(Boolean);
    throw new BenchmarkError(
      `Needed and not installed: ${missing.join(', ')}. On Debian: apt-get install wrk nginx`,
    );
  }
  return { wrk, nginx };
}

/** Starts everything but the candidates; `shutdown` ends it, candidates included. */
export async function openWorkbench(
  programs: Programs,
  options: Pick<BenchOptions, 'say' | 'signal'> & Pick<Workbench, 'warmUpRequests' | 'headers'>,
  shutdown: ShutdownStack,
): Promise<Workbench> {
  const temporary = await temporaryDirectory('bench');
  shutdown.push('temporary directory', () => temporary.remove());
  const directory = temporary.path;
  const sink = await startOtlpSink();
  shutdown.push('OTLP sink', () => sink.close());
  const edgeEnv = await startEdgeServices(shutdown);
  const backendDirectory = join(directory, 'backend');
  await mkdir(backendDirectory);
  const backend = await startBackend(programs.nginx, backendDirectory);
  shutdown.push('backend', async () => void (await backend.process.stop()));
  const hosts = Array.from({ length: TENANTS }, (_, index) => tenantHost(index));
  const tls = await writeTlsFiles(directory);
  const fleet = new Fleet({
    context: {
      tls,
      backendPorts: backend.ports,
      hosts,
      path: REQUEST_PATH,
      headers: options.headers,
      otlpUrl: sink.url,
      edgeEnv,
    },
    directory,
    say: options.say,
    signal: options.signal,
  });
  shutdown.push('candidates', () => fleet.close());
  const writeHosts = async (name: string, hosts: readonly string[]): Promise<string> => {
    const file = join(directory, `hosts-${name}`);
    await writeFile(file, `${hosts.join('\n')}\n`);
    return file;
  };
  return {
    wrk: programs.wrk,
    backend,
    sink,
    fleet,
    tls,
    warmUpRequests: options.warmUpRequests,
    headers: options.headers,
    hostsFile: (tenants, active) =>
      writeHosts(`${active}-of-${tenants}`, activeHosts(tenants, active)),
    writeHosts,
  };
}
