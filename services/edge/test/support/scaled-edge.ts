import { fileURLToPath } from 'node:url';
import { runService } from '@headgate/telemetry';
import { readSettings } from '../../src/environment.ts';
import { Edge } from '../../src/primary/edge.ts';
import { PROBATION_TIMES } from '../../src/primary/probation.ts';

// Entry of an edge with workers that can be poisoned, and with times of probation from SOAK_MS and SOON_MS,
// else the real ones.

const ENTRY = fileURLToPath(new URL('./poisoned-worker.ts', import.meta.url));

await runService({
  service: 'edge',
  version: '0.0.0',
  readSettings,
  shutdownMsMax: () => 10_000,
  async start(service) {
    const { settings, output, shutdown } = service;
    const edge = new Edge({
      version: '0.0.0',
      settings,
      defaultCertificate: null,
      tracing: {},
      logger: output.logger,
      onFatal: (reason) => service.fail(reason),
      workerEntry: ENTRY,
      probation: {
        soakMs: Number(process.env['SOAK_MS'] ?? PROBATION_TIMES.soakMs),
        soonMs: Number(process.env['SOON_MS'] ?? PROBATION_TIMES.soonMs),
      },
    });
    shutdown.push('edge', () => edge.stop());
    await edge.start();
  },
});
