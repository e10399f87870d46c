import process from 'node:process';
import { mendStringPrototype } from '@headgate/runtime';
import type { PrimaryMessage, WorkerMessage, WorkerSettings } from '../ipc/messages.ts';
import { createDataPlane, type DataPlane } from './data-plane.ts';

/** Time for the last words of a worker that found a bug. */
const EXIT_MS_MAX = 500;
/** Between two reports on limits and quotas. */
const USAGE_MS = 1000;

/**
 * Runs a worker: waits for `start`, then serves what the primary sends until it says `drain` or goes away.
 * A worker never outlives its primary: when the IPC channel closes, it ends.
 */
export function startWorker(): void {
  let dataPlane: Promise<DataPlane> | null = null;
  const send = (message: WorkerMessage): void => {
    if (process.connected) process.send?.(message);
  };
  const fail = (error: unknown): void => {
    send({ type: 'failed', reason: error instanceof Error ? error.message : String(error) });
  };
  const begin = async (settings: WorkerSettings): Promise<DataPlane> => {
    const created = await createDataPlane(settings, (outcomes) =>
      send({ type: 'outcomes', outcomes }),
    );
    mendStringPrototype(); // all modules are loaded by now, those of tracing too
    send({ type: 'started' });
    setInterval(() => {
      const entries = created.takeLimitUsage();
      if (entries.length > 0) send({ type: 'limit_usage', entries });
      const marks = created.takeQuotaMarks();
      if (marks.length > 0) send({ type: 'quotas', marks });
    }, USAGE_MS).unref();
    return created;
  };
  process.on('message', (message: PrimaryMessage) => {
    if (message.type === 'start') {
      dataPlane = begin(message.settings);
      dataPlane.catch(fail);
      return;
    }
    // Messages act in order: each waits for the start only, and `then` keeps their order.
    void dataPlane?.then((plane) => handle(plane, message, send)).catch(fail);
  });
  // A bug outside of any request: nobody knows what state it left behind. The primary logs it and starts another worker.
  process.once('uncaughtException', (error) => {
    const reason = error.stack ?? error.message;
    setTimeout(() => process.exit(1), EXIT_MS_MAX);
    process.send?.({ type: 'failed', reason } satisfies WorkerMessage, () => process.exit(1));
  });
  process.on('disconnect', () => process.exit(1));
  // The primary decides when workers end; a Ctrl-C in a terminal reaches the whole process group.
  process.on('SIGINT', () => undefined);
  process.on('SIGTERM', () => undefined);
}

async function handle(
  plane: DataPlane,
  message: Exclude<PrimaryMessage, { type: 'start' }>,
  send: (message: WorkerMessage) => void,
): Promise<void> {
  switch (message.type) {
    case 'documents': {
      const { documents, compileNow } = message;
      const outcomes = documents.map((document) => plane.tenants.apply(document, compileNow));
      send({ type: 'outcomes', outcomes });
      break;
    }
    case 'removed':
      for (const key of message.keys) plane.tenants.remove(key);
      break;
    case 'health':
      for (const state of message.states) plane.upstreams.receiveHealth(state);
      break;
    case 'quotas':
      plane.restoreQuotas(message.marks);
      break;
    case 'share':
      plane.setShare({ liveEdges: message.liveEdges, rank: message.rank });
      break;
    case 'listen':
      send({ type: 'listening', port: await plane.listen() });
      break;
    case 'take_metrics':
      send({ type: 'metrics', id: message.id, snapshot: plane.takeMetrics() });
      break;
    case 'ping':
      send({ type: 'pong', id: message.id });
      break;
    case 'stop_accepting':
      await plane.stopAccepting();
      send({ type: 'stopped_accepting' });
      break;
    case 'drain':
      await plane.drain(message.deadlineMs);
      send({ type: 'quotas', marks: plane.takeQuotaMarks() });
      send({ type: 'drained' });
      break;
  }
}
