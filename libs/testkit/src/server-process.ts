import { freePort, isAddressInUse } from './free-port.ts';
import { ProcessStartError, type ProcessExit, type StartedProcess } from './start-process.ts';

/** A server in a process of its own that can be hurt in the ways that servers get hurt. */
export interface ServerProcess {
  readonly host: '127.0.0.1';
  readonly port: number;
  /** The pid of the present run; changes with a restart. */
  readonly pid: number;
  /** The process of the present run, with its output. */
  readonly process: StartedProcess;
  /** Stops it in an orderly way and deletes what it stored. Idempotent. */
  stop(): Promise<void>;
  /** Kills it with SIGKILL and waits for its end; what it stored stays. */
  kill(): Promise<ProcessExit>;
  /** Stops it with SIGSTOP: connections stay open, nothing answers. */
  pause(): void;
  /** Lets it go on after {@link ServerProcess.pause}. */
  resume(): void;
  /** Stops it (if it runs) and starts it again on the same port with what it stored. */
  restart(): Promise<void>;
}

const PORT_ATTEMPTS_MAX = 5;

/**
 * Runs a server on a free port (or on `options.port`); tries another port when that one was taken
 * in the meantime.
 *
 * @param run starts the process on a port and resolves when it accepts connections.
 * @param cleanUp deletes what the server stored; runs at the end of `stop()` and when no start
 *   succeeds.
 * @throws whatever `run` threw last.
 */
export async function startServer(
  run: (port: number) => Promise<StartedProcess>,
  cleanUp: () => Promise<void>,
  options: { readonly port?: number | undefined } = {},
): Promise<ServerProcess> {
  let port = options.port ?? 0;
  let current: StartedProcess;
  try {
    ({ port, current } = await firstRun(run, options.port));
  } catch (error) {
    await cleanUp();
    throw error;
  }
  return {
    host: '127.0.0.1',
    port,
    get pid() {
      return current.pid;
    },
    get process() {
      return current;
    },
    async stop() {
      await current.stop();
      await cleanUp();
    },
    kill() {
      current.kill('SIGKILL');
      return current.exited;
    },
    pause: () => current.kill('SIGSTOP'),
    resume: () => current.kill('SIGCONT'),
    async restart() {
      await current.stop();
      current = await run(port);
    },
  };
}

async function firstRun(
  run: (port: number) => Promise<StartedProcess>,
  fixedPort: number | undefined,
): Promise<{ port: number; current: StartedProcess }> {
  for (let attempt = 1; ; attempt++) {
    const port = fixedPort ?? (await freePort());
    try {
      return { port, current: await run(port) };
    } catch (error) {
      const taken = error instanceof ProcessStartError && isAddressInUse(error.output);
      if (!taken || fixedPort !== undefined || attempt === PORT_ATTEMPTS_MAX) throw error;
    }
  }
}
