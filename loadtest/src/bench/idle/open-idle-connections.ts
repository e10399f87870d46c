import { fileURLToPath } from 'node:url';
import { startProcess } from '@headgate/testkit';
import { z } from 'zod';
import { readReportLine } from '../report-line.ts';

const MAIN = fileURLToPath(new URL('./idle-connections-main.ts', import.meta.url));

/** The line that the program prints once every connection has had its answer, or failed. */
export const ALL_ANSWERED = 'every connection has had its turn';

const READY_TIMEOUT_MS = 60_000;

/** What the program is told, as JSON in its first argument. */
export const IdleArguments = z.strictObject({
  port: z.int().min(1).max(65_535),
  /** File with one host a line; connections name them in turn. */
  hostsFile: z.string(),
  path: z.string(),
  connections: z.int().min(1),
});

const Report = z.strictObject({ idle: z.int().min(0), failed: z.int().min(0) });

/** Connections that are held open. */
export interface IdleConnections {
  /**
   * Closes them. Returns how many were open until now, and how many were refused, answered with 400 and more, or
   * closed by the other side.
   */
  close(): Promise<z.output<typeof Report>>;
}

/**
 * Opens keep-alive connections, each of which has one request answered and then stays idle; in a process of its own.
 *
 * @throws Error if not all have had an answer within a minute, or it is aborted.
 */
export async function openIdleConnections(
  run: z.output<typeof IdleArguments>,
  signal: AbortSignal,
): Promise<IdleConnections> {
  signal.throwIfAborted();
  const started = await startProcess({
    name: 'idle connections',
    command: process.execPath,
    args: [MAIN, JSON.stringify(run)],
    readyWhen: new RegExp(`^${ALL_ANSWERED}$`),
    readyTimeoutMs: READY_TIMEOUT_MS,
  });
  return {
    async close() {
      await started.stop();
      signal.throwIfAborted();
      return Report.parse(readReportLine(started.stdout()));
    },
  };
}
