import process from 'node:process';
import type { WorkerMessage } from '../ipc/messages.ts';
import { shortReason } from '../ipc/reason.ts';
import type { RevisionScope } from '../snapshot/revision-faults.ts';

/** Time for the last words of a worker that ends. */
const EXIT_MS_MAX = 500;
/** Exceptions of revisions that a worker survives: what begins one timer may begin thousands, which no withdrawal ends. */
const SURVIVED_MAX = 100;
/** Exceptions that are nobody's until the worker ends at once: waiting for another one to take over does more harm. */
const FAILING_MAX = 10;

/** What becomes of exceptions that nobody caught. */
export interface UncaughtWatch {
  /** The worker serves, so that ending at once would cost its clients their connections. False at first. */
  serving: boolean;
}

/**
 * Decides what an exception means that reaches the event loop of this process:
 *
 *     begun by the compilation of a revision ──► told, the worker serves on ── too many ──┐
 *     anything else ──► told, the worker serves on until another one has taken over ◄─────┘
 *           └── before it serves, or ever again ──► the worker ends
 *
 * What an exception of the first kind leaves behind belongs to one tenant. Of the second kind nobody knows, but the odds
 * are better than those of clients whose connections are cut, by all workers at the same time if all have the bug.
 */
export function watchUncaught(scope: RevisionScope): UncaughtWatch {
  const watch: UncaughtWatch = { serving: false };
  let survived = 0;
  let failing = 0;
  process.on('uncaughtException', (error: unknown) => {
    const owner = scope.getStore();
    if (watch.serving && owner !== undefined && survived < SURVIVED_MAX) {
      survived += 1;
      const { key, revision } = owner;
      const reason = `it threw outside of requests: ${describe(error, false)}`;
      send({ type: 'fault', fault: { key, revision, reason: shortReason(reason) } });
      return;
    }
    failing += 1;
    const reason = describe(error, true);
    if (!watch.serving || failing > FAILING_MAX) end(reason);
    else if (failing === 1) send({ type: 'failing', reason });
  });
  return watch;
}

function describe(error: unknown, withStack: boolean): string {
  if (!(error instanceof Error)) return String(error);
  return withStack ? (error.stack ?? error.message) : error.message;
}

function send(message: WorkerMessage): void {
  if (process.connected) process.send?.(message);
}

function end(reason: string): void {
  setTimeout(() => process.exit(1), EXIT_MS_MAX);
  process.send?.({ type: 'failed', reason } satisfies WorkerMessage, () => process.exit(1));
}
