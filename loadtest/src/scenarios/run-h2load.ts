import { startProcess } from '@headgate/testkit';
import { pinToSide } from '../bench/cpu-cores.ts';
import { findProgram } from '../bench/find-program.ts';

/** A load of {@link runH2load}. */
export interface H2load {
  readonly port: number;
  readonly host: string;
  readonly connections: number;
  /** Of all connections together; 0: each sends the next request when it has its answer. */
  readonly perSecond: number;
  readonly seconds: number;
}

/** What came back. */
export interface H2loadReport {
  /** Answers 2xx. */
  readonly ok: number;
  /** Answers 5xx. */
  readonly shed: number;
  /** Answers 4xx. */
  readonly refused: number;
  /** Other statuses, lost connections and timeouts. */
  readonly failed: number;
}

/** Runs h2load of nghttp2 with HTTP/1.1 on the second core. It is in C: a generator on Node would be the bottleneck. */
export async function runH2load(load: H2load): Promise<H2loadReport> {
  const program = await findProgram('h2load');
  if (program === null)
    throw new Error('the scenario needs h2load: apt-get install nghttp2-client');
  const rate = load.perSecond / load.connections;
  const started = await startProcess({
    name: 'h2load',
    command: program,
    args: [
      ...['--h1', '-t1', `-c${load.connections}`, `-D${load.seconds}`],
      ...(load.perSecond === 0 ? [] : ['--rps', rate.toFixed(2)]),
      ...['--connect-to', `127.0.0.1:${load.port}`, `http://${load.host}:${load.port}/`],
    ],
    readyWhen: /starting benchmark/,
  });
  await pinToSide('generator', [started.pid]);
  const timer = setTimeout(() => started.kill('SIGKILL'), load.seconds * 1000 + 30_000);
  const exit = await started.exited;
  clearTimeout(timer);
  if (exit.code !== 0) throw new Error(`h2load failed: ${started.stderr().join('\n')}`);
  return parseReport(started.stdout().join('\n'));
}

/**
 *     requests: 189964 total, 190028 started, 189964 done, 189964 succeeded, 0 failed, 0 errored, 0 timeout
 *     status codes: 189964 2xx, 0 3xx, 0 4xx, 0 5xx
 */
export function parseReport(text: string): H2loadReport {
  const statuses = /status codes: (\d+) 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx/.exec(text);
  const requests = /(\d+) errored, (\d+) timeout/.exec(text);
  if (statuses === null || requests === null) throw new Error(`h2load printed:\n${text}`);
  const [, ok, redirects, refused, shed] = statuses.map(Number);
  const [, errored, timedOut] = requests.map(Number);
  return {
    ok: ok ?? 0,
    shed: shed ?? 0,
    refused: refused ?? 0,
    failed: (redirects ?? 0) + (errored ?? 0) + (timedOut ?? 0),
  };
}
