import { ShutdownStack, StartError, type EnvironmentReading } from '@headgate/runtime';
import { createLogger, type LogLevel, type ServiceLogger } from './logger.ts';
import { startTracing, type Tracing } from './tracing.ts';

/** What the process itself needs of a service's settings. */
export interface ProcessSettings {
  readonly nodeId: string;
  readonly logLevel: LogLevel;
}

/** A service, as {@link runService} runs it. */
export interface ServiceDefinition<Settings extends ProcessSettings> {
  /** Name of the service in logs and traces. */
  readonly service: string;
  readonly version: string;
  /** Reads the settings. @throws EnvironmentError that names every fault. */
  readonly readSettings: (environment: NodeJS.ProcessEnv) => EnvironmentReading<Settings>;
  /** Longest shutdown in ms; one that takes longer has failed and is cut off. */
  readonly shutdownMsMax: (settings: Settings) => number;
  /** Wires the parts; each is pushed to `shutdown` once it is open. @throws StartError */
  readonly start: (service: ServiceProcess<Settings>) => Promise<void>;
}

/** The process around a service. */
export interface ServiceProcess<Settings extends ProcessSettings> {
  readonly settings: Settings;
  readonly output: ServiceLogger;
  /** What is open; closed in reverse when the process ends. */
  readonly shutdown: ShutdownStack;
  /** Starts the tracing of this process; its end is on `shutdown`. @throws StartError */
  startTracing(): Promise<Tracing>;
  /** The service cannot go on: `reason` on standard error, a shutdown, exit code 1. */
  fail(reason: string): void;
}

/**
 * Runs a service as this process; the entry point awaits it.
 *
 *     start ─► SIGTERM, SIGINT ─► close all, within shutdownMsMax ─► exit 0 (1: a part failed, or too late)
 *       │      fail(reason) ────► the same, with the reason on standard error ─► exit 1
 *       └ StartError ───────────► its message on standard error ─► exit 1 at once
 *
 * A further signal while it ends means that somebody does not want to wait: exit 1 at once. Errors
 * other than {@link StartError} are bugs: they reject, and Node prints them.
 */
export async function runService<Settings extends ProcessSettings>(
  definition: ServiceDefinition<Settings>,
): Promise<void> {
  let output: ServiceLogger | null = null;
  try {
    const { settings, unknown } = definition.readSettings(process.env);
    const { nodeId, logLevel } = settings;
    output = createLogger({ service: definition.service, nodeId, level: logLevel });
    if (unknown.length > 0) output.logger.warn({ names: unknown }, 'unknown environment variables');
    await definition.start(openProcess(definition, settings, output));
  } catch (error) {
    if (!(error instanceof StartError)) throw error;
    process.stderr.write(`${error.message}\n`);
    await output?.flush();
    process.exit(1);
  }
}

function openProcess<Settings extends ProcessSettings>(
  definition: ServiceDefinition<Settings>,
  settings: Settings,
  output: ServiceLogger,
): ServiceProcess<Settings> {
  const { service, version } = definition;
  const shutdown = new ShutdownStack();
  const shutdownMsMax = definition.shutdownMsMax(settings);
  let ending = false;
  const end = (code: 0 | 1): void => {
    ending = true;
    void endProcess({ shutdown, output, shutdownMsMax }, code);
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (ending) process.exit(1);
      output.logger.info({ signal }, 'stopping');
      end(0);
    });
  }
  return {
    settings,
    output,
    shutdown,
    async startTracing() {
      const tracing = await startTracing({
        service,
        nodeId: settings.nodeId,
        version,
        environment: process.env,
        onError: (error) => output.logger.warn({ err: error }, 'spans could not be exported'),
      });
      shutdown.push('tracing', async () => void (await tracing.shutdown()));
      return tracing;
    },
    fail(reason) {
      process.stderr.write(`${reason}\n`);
      if (!ending) end(1);
    },
  };
}

interface Ending {
  readonly shutdown: ShutdownStack;
  readonly output: ServiceLogger;
  readonly shutdownMsMax: number;
}

/** Closes everything, then ends the process; never resolves. */
async function endProcess({ shutdown, output, shutdownMsMax }: Ending, code: 0 | 1): Promise<void> {
  const { logger } = output;
  const exit = async (exitCode: 0 | 1): Promise<void> => {
    await output.flush();
    process.exit(exitCode);
  };
  const cutOff = setTimeout(() => {
    logger.error({ shutdownMsMax }, 'not stopped in time');
    void exit(1);
  }, shutdownMsMax);
  const failures = await shutdown.close();
  clearTimeout(cutOff);
  for (const { name, error } of failures) logger.error({ part: name, err: error }, 'not closed');
  logger.info('stopped');
  await exit(failures.length === 0 ? code : 1);
}
