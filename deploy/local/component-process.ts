import { killGroup, spawnGuarded } from './bootstrap/guarded-process.mjs';
import type { ComponentSpec } from './components.ts';

/** How a component ended: exactly one of the two is not null. */
export interface ComponentExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** One run of a component. */
export interface ComponentProcess {
  readonly pid: number;
  /** Resolves once: with true at its ready line, with false if it ends without one. */
  readonly ready: Promise<boolean>;
  /** Resolves when it has ended and its output is complete. */
  readonly exited: Promise<ComponentExit>;
  isRunning(): boolean;
  /** Its last lines, oldest first, both outputs. */
  lastLines(): readonly string[];
  /** SIGTERM, and SIGKILL to the whole group after the spec's time. Idempotent. */
  stop(): Promise<void>;
  /** SIGKILL to the whole group. */
  kill(): void;
}

const LAST_LINES_MAX = 40;
const LINE_CHARACTERS_MAX = 16_384;
/** How long output may still arrive after the process itself has ended. */
const OUTPUT_GRACE_MS = 200;

/**
 * Starts a component. It ends when this process ends in whatever way.
 *
 * @param onLine gets each line of its output.
 */
export function startComponent(
  spec: ComponentSpec,
  onLine: (line: string) => void,
): ComponentProcess {
  const child = spawnGuarded({
    command: spec.command,
    args: spec.args,
    // A component must not believe that it is a test file because its starter runs in one.
    env: { ...process.env, NODE_TEST_CONTEXT: undefined, ...spec.env },
    streams: 'pipe',
  });
  const lastLines: string[] = [];
  const ready = Promise.withResolvers<boolean>();
  const take = (line: string) => {
    lastLines.push(line);
    if (lastLines.length > LAST_LINES_MAX) lastLines.shift();
    if (spec.readyLine.test(line)) ready.resolve(true);
    onLine(line);
  };
  readLines(child.stdout, take);
  readLines(child.stderr, take);

  const exited = Promise.withResolvers<ComponentExit>();
  child.once('exit', (code, signal) => {
    const exit = { code, signal };
    const timer = setTimeout(() => exited.resolve(exit), OUTPUT_GRACE_MS);
    child.once('close', () => {
      clearTimeout(timer);
      exited.resolve(exit);
    });
  });
  void exited.promise.then(() => ready.resolve(false));

  const isRunning = () => child.exitCode === null && child.signalCode === null;

  return {
    pid: child.pid,
    ready: ready.promise,
    exited: exited.promise,
    isRunning,
    lastLines: () => lastLines,
    kill: () => killGroup(child.pid, 'SIGKILL'),
    async stop() {
      if (isRunning()) child.kill('SIGTERM');
      const timer = setTimeout(() => killGroup(child.pid, 'SIGKILL'), spec.stopTimeoutMs);
      await exited.promise;
      clearTimeout(timer);
    },
  };
}

function readLines(stream: NodeJS.ReadableStream | null, onLine: (line: string) => void): void {
  let partial = '';
  stream?.setEncoding('utf8');
  stream?.on('data', (chunk: string) => {
    const pieces = (partial + chunk).split('\n');
    partial = (pieces.pop() ?? '').slice(0, LINE_CHARACTERS_MAX);
    for (const piece of pieces) {
      const line = piece.slice(0, LINE_CHARACTERS_MAX).trimEnd();
      if (line !== '') onLine(line);
    }
  });
  stream?.on('end', () => {
    if (partial !== '') onLine(partial);
    partial = '';
  });
}
