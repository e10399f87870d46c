import { runService, type ServiceProcess } from '@headgate/telemetry';
import manifest from '../package.json' with { type: 'json' };
import { readSettings, type Settings } from './environment.ts';
import { lowerHelperThreads } from './helper-threads.ts';
import { Edge } from './primary/edge.ts';
import { readDefaultCertificate } from './tls/default-certificate.ts';

// Entry of an edge: reads the environment, starts the primary, ends it on SIGTERM or SIGINT. A second signal ends at once.

/** Left for closing what is open once the connections have ended. */
const CLOSE_MS_MAX = 10_000;

await runService({
  service: 'edge',
  version: manifest.version,
  readSettings,
  shutdownMsMax: ({ drainDelayMs, drainMs }) => drainDelayMs + drainMs + CLOSE_MS_MAX,
  start,
});

async function start(service: ServiceProcess<Settings>): Promise<void> {
  const edge = new Edge({
    version: manifest.version,
    settings: service.settings,
    defaultCertificate: await readDefaultCertificate(service.settings.tls?.files ?? null),
    tracing: tracingVariables(process.env),
    logger: service.output.logger,
    onFatal: (reason) => service.fail(reason),
  });
  service.shutdown.push('edge', () => edge.stop());
  await edge.start();
  lowerHelperThreads();
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
