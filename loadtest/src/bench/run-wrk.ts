import { fileURLToPath } from 'node:url';
import { runProgram } from './run-program.ts';
import { parseWrkOutput, type WrkReport } from './wrk-report.ts';

const SCRIPT = fileURLToPath(new URL('./rotate-hosts.lua', import.meta.url));

/** Time that wrk may take beyond its duration before it is killed. */
const GRACE_MS = 10_000;

/** One run of wrk: closed loop, keep-alive connections, one thread. */
export interface WrkRun {
  /** Path of wrk. */
  readonly program: string;
  readonly port: number;
  /** With TLS, to a certificate of this host, which leads to this machine. Default: plain TCP. */
  readonly tlsHost?: string;
  /** File with one host a line; requests name them in turn. */
  readonly hostsFile: string;
  readonly path: string;
  readonly connections: number;
  readonly seconds: number;
  /** Further header fields of all requests. Default: none. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Answers of 429 are counted as `denied`, not as failures. Default false. */
  readonly expectsDenials?: boolean;
  /** Ends the run; the promise then rejects. */
  readonly signal: AbortSignal;
}

/**
 * Runs wrk and returns what it saw.
 *
 * @throws Error if wrk fails, hangs or is aborted.
 */
export async function runWrk(run: WrkRun): Promise<WrkReport> {
  const lines = await runProgram({
    name: 'wrk',
    command: run.program,
    args: [
      '--threads=1',
      `--connections=${run.connections}`,
      `--duration=${run.seconds}s`,
      '--timeout=5s',
      `--script=${SCRIPT}`,
      run.tlsHost === undefined
        ? `http://127.0.0.1:${run.port}`
        : `https://${run.tlsHost}:${run.port}`,
      '--',
      run.hostsFile,
      run.path,
      headerLines(run.headers ?? {}),
      run.expectsDenials === true ? 'denials' : '',
    ],
    deadlineMs: run.seconds * 1000 + GRACE_MS,
    signal: run.signal,
  });
  return parseWrkOutput(lines);
}

function headerLines(headers: Readonly<Record<string, string>>): string {
  return Object.entries(headers)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('');
}
