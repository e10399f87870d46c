import { flushCompileCache } from 'node:module';
import process from 'node:process';
import { mendStringPrototype, systemClock } from '@headgate/runtime';
import { lowerHelperThreads } from '../helper-threads.ts';
import {
  isOrdered,
  packOutcomes,
  type OrderedMessage,
  type PrimaryMessage,
  type WorkerMessage,
  type WorkerSettings,
} from '../ipc/messages.ts';
import { createRevisionScope } from '../snapshot/revision-faults.ts';
import { createDataPlane, type DataPlane } from './data-plane.ts';
import { Inbox } from './inbox.ts';
import { watchUncaught } from './uncaught.ts';

/**
 * Messages that act as soon as the worker has started, whatever documents wait: that it is busy makes it neither dead nor
 * immortal.
 */
type PromptMessage = Exclude<PrimaryMessage, OrderedMessage | { readonly type: 'start' }>;

/** Between two reports on limits and quotas. */
const USAGE_MS = 1000;

/**
 * Until compiled code is written, and then between two looks for a moment without clients: it takes 35 ms or, with 700
 * files on a slow disk, 400, in which nothing else happens. A worker that never has such a moment writes it when it is drained.
 */
const CODE_MS = 1000;

/**
 * Runs a worker: waits for `start`, then serves what the primary sends until it says `drain` or goes away.
 * A worker never outlives its primary: when the IPC channel closes, it ends.
 */
export function startWorker(): void {
  let dataPlane: Promise<DataPlane> | null = null;
  let inbox: Promise<Inbox> | null = null;
  const scope = createRevisionScope();
  const uncaught = watchUncaught(scope);
  const send = (message: WorkerMessage): void => {
    if (process.connected) process.send?.(message);
  };
  const fail = (error: unknown): void => {
    send({ type: 'failed', reason: error instanceof Error ? error.message : String(error) });
  };
  const begin = async (settings: WorkerSettings): Promise<DataPlane> => {
    const created = await createDataPlane(settings, {
      scope,
      onOutcomes: (outcomes) => send({ type: 'outcomes', outcomes: packOutcomes(outcomes) }),
      onFault: (fault) => send({ type: 'fault', fault }),
    });
    uncaught.serving = true;
    mendStringPrototype(); // all modules are loaded by now, those of tracing too
    lowerHelperThreads();
    send({ type: 'started' });
    setInterval(() => {
      const entries = created.takeLimitUsage();
      if (entries.length > 0) send({ type: 'limit_usage', entries });
      const seconds = created.takeDemand();
      if (seconds.length > 0) send({ type: 'demand', seconds });
      const marks = created.takeQuotaMarks();
      if (marks.length > 0) send({ type: 'quotas', marks });
    }, USAGE_MS).unref();
    return created;
  };
  process.on('message', (message: PrimaryMessage) => {
    if (message.type === 'start') {
      dataPlane = begin(message.settings);
      inbox = dataPlane.then((plane) => createInbox(plane, send, fail));
      inbox.catch(fail);
      return;
    }
    // Each waits for the start only, and `then` keeps their order.
    if (isOrdered(message)) void inbox?.then((opened) => opened.push(message)).catch(fail);
    else void dataPlane?.then((plane) => handle(plane, message, send)).catch(fail);
  });
  process.on('disconnect', () => process.exit(1));
  // The primary decides when workers end; a Ctrl-C in a terminal reaches the whole process group.
  process.on('SIGINT', () => undefined);
  process.on('SIGTERM', () => undefined);
}

function createInbox(
  plane: DataPlane,
  send: (message: WorkerMessage) => void,
  fail: (error: unknown) => void,
): Inbox {
  return new Inbox({
    nowMs: () => systemClock.monotonicMs(),
    wait: (callback, ms) => setTimeout(callback, ms),
    isServing: () => plane.openConnections() > 0,
    apply: (document, compileNow) => plane.tenants.apply(document, compileNow),
    onOutcomes: (outcomes) => send({ type: 'outcomes', outcomes: packOutcomes(outcomes) }),
    handle: (message) => {
      if (message.type === 'removed') for (const key of message.keys) plane.tenants.remove(key);
      else if (message.type === 'barrier') send({ type: 'barrier_reached' });
      else listen(plane, send).catch(fail);
    },
  });
}

async function listen(plane: DataPlane, send: (message: WorkerMessage) => void): Promise<void> {
  send({ type: 'listening', port: await plane.listen() });
  const timer = setInterval(() => {
    if (plane.openConnections() > 0) return;
    clearInterval(timer);
    flushCompileCache();
  }, CODE_MS).unref();
}

async function handle(
  plane: DataPlane,
  message: PromptMessage,
  send: (message: WorkerMessage) => void,
): Promise<void> {
  switch (message.type) {
    case 'ping':
      send({ type: 'pong', id: message.id });
      break;
    case 'take_metrics':
      send({ type: 'metrics', id: message.id, snapshot: plane.takeMetrics() });
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
    case 'stop_accepting':
      await plane.stopAccepting();
      send({ type: 'stopped_accepting' });
      break;
    case 'drain':
      await plane.drain(message.deadlineMs);
      flushCompileCache(); // a worker is killed in the end
      send({ type: 'quotas', marks: plane.takeQuotaMarks() });
      send({ type: 'drained' });
      break;
  }
}
