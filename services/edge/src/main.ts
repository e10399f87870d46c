import { hostname } from 'node:os';
import { EnvironmentError } from '@headgate/runtime';
import { AdminListenError, createLogger } from '@headgate/telemetry';
import manifest from '../package.json' with { type: 'json' };
import { readEdgeEnvironment } from './environment.ts';
import { Edge } from './primary/edge.ts';

// Entry of an edge: reads the environment, starts the primary, ends it on SIGTERM or SIGINT. A second signal ends at once.

try {
  await run();
} catch (error) {
  if (!(error instanceof EnvironmentError || error instanceof AdminListenError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
}

async function run(): Promise<void> {
  const { settings, unknown } = readEdgeEnvironment(process.env);
  const nodeId = settings.HEADGATE_NODE_ID ?? `edge-${hostname()}`;
  const output = createLogger({ service: 'edge', nodeId, level: settings.HEADGATE_LOG_LEVEL });
  const { logger } = output;
  if (unknown.length > 0) logger.warn({ names: unknown }, 'unknown environment variables');
  const end = async (code: number): Promise<void> => {
    await output.flush();
    process.exit(code);
  };
  const edge = new Edge({
    nodeId,
    version: manifest.version,
    settings,
    tracing: tracingVariables(process.env),
    logger,
    onFatal: (reason) => {
      process.stderr.write(`${reason}\n`);
      void edge.stop().then(() => end(1));
    },
  });
  let stopping = false;
  const onSignal = (signal: NodeJS.Signals): void => {
    if (stopping) process.exit(1);
    stopping = true;
    logger.info({ signal }, 'draining');
    void edge.stop().then(() => end(0));
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
  await edge.start();
}

/** The standard variables of OpenTelemetry's exporter, for the workers. */
function tracingVariables(
  environment: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  const variables: Record<string, string> = {};
  for (const [name, value] of Object.entries(environment)) {
    if (name.startsWith('OTEL_') && value !== undefined) variables[name] = value;
  }
  return variables;
}
