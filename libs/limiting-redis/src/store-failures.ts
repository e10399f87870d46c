import { StoreFailure } from '@headgate/limiting';

/**
 * Error prefixes of a Redis that is alive but cannot serve scripts now. Those that `needsReconnect` mean that another
 * server is the right one: the address may resolve to it after a failover.
 */
const REFUSALS: Readonly<Record<string, { readonly needsReconnect: boolean }>> = {
  ASK: { needsReconnect: true },
  BUSY: { needsReconnect: false },
  CLUSTERDOWN: { needsReconnect: true },
  CROSSSLOT: { needsReconnect: false },
  LOADING: { needsReconnect: false },
  MASTERDOWN: { needsReconnect: true },
  MISCONF: { needsReconnect: false },
  MOVED: { needsReconnect: true },
  NOAUTH: { needsReconnect: true },
  NOPERM: { needsReconnect: false },
  NOREPLICAS: { needsReconnect: false },
  OOM: { needsReconnect: false },
  READONLY: { needsReconnect: true },
  TRYAGAIN: { needsReconnect: false },
  UNBLOCKED: { needsReconnect: true },
};

/** What a client error means to the limiter. */
export interface ReadFailure {
  readonly failure: StoreFailure;
  readonly needsReconnect: boolean;
}

/** Maps an error of the client or of Redis. Every error is a failure of the store, never a denial. */
export function readFailure(error: unknown): ReadFailure {
  if (error instanceof StoreFailure) return { failure: error, needsReconnect: false };
  const message = error instanceof Error ? error.message : String(error);
  if (!isReplyError(error)) {
    return {
      failure: new StoreFailure('connection', message, { cause: error }),
      needsReconnect: false,
    };
  }
  // Inside a script the prefix may follow "ERR Error running script …: -".
  const prefix = /^(?:ERR .*-)?([A-Z]{3,})(?: |$)/.exec(message)?.[1] ?? '';
  const known = Object.hasOwn(REFUSALS, prefix) ? REFUSALS[prefix] : undefined;
  const kind = known === undefined ? 'protocol' : 'refused';
  return {
    failure: new StoreFailure(kind, message, { cause: error }),
    needsReconnect: known?.needsReconnect ?? false,
  };
}

/** True if Redis does not know the script: nothing was executed, so the call may be sent again. */
export function isNoScript(error: unknown): boolean {
  return isReplyError(error) && error.message.startsWith('NOSCRIPT');
}

/** An error that Redis itself replied. */
function isReplyError(error: unknown): error is Error {
  return error instanceof Error && error.name === 'ReplyError';
}
