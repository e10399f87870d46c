import { Client, request as send, type Dispatcher } from 'undici';

/** One answered or failed request. Times are ms of `performance.now()`. */
export interface Outcome {
  /** Which connection of the load carried it, counted from 0. */
  readonly connection: number;
  readonly sentMs: number;
  readonly receivedMs: number;
  /** HTTP status; 0 when there was no answer. */
  readonly status: number;
  readonly error: string;
  readonly body: string;
}

/** Options of {@link runLoad}. */
export interface LoadOptions {
  /** Origins to spread requests over, in turn. */
  readonly urls: readonly string[];
  /** Several are named in turn. */
  readonly host: string | readonly string[];
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Requests per second, sent on time whether or not earlier ones were answered (open loop). */
  readonly perSecond: number;
  /** Ends the load; checked before each request. */
  readonly until: () => boolean;
  /** Keep-alive connections per origin, each used in turn. Default 8. */
  readonly connections?: number;
  /** Address to send from; default: the system's choice, 127.0.0.1. */
  readonly localAddress?: string;
}

/** A running load. */
export interface Load {
  /** Answers so far. */
  readonly outcomes: readonly Outcome[];
  /** Resolves when the load has ended and everything is answered. */
  readonly done: Promise<readonly Outcome[]>;
}

/** Starts sending GET requests at a fixed rate over keep-alive connections. */
export function runLoad(options: LoadOptions): Load {
  // In turn, so that every connection is busy, as behind any real load; a pool would leave some idle for long, and a
  // request on a connection that its server is closing for idleness is lost with any HTTP/1.1 server.
  const clients = options.urls.flatMap((url) =>
    Array.from({ length: options.connections ?? 8 }, () => ({
      url,
      client: new Client(
        url,
        options.localAddress === undefined ? {} : { localAddress: options.localAddress },
      ),
    })),
  );
  const hosts = [options.host].flat();
  const outcomes: Outcome[] = [];
  const pending = new Set<Promise<void>>();
  const run = async (): Promise<readonly Outcome[]> => {
    const startMs = performance.now();
    for (let sent = 0; !options.until(); sent += 1) {
      const dueMs = startMs + (sent * 1000) / options.perSecond;
      const waitMs = dueMs - performance.now();
      if (waitMs > 1) await new Promise((resolve) => setTimeout(resolve, waitMs));
      const connection = sent % clients.length;
      const target = clients[connection];
      if (target === undefined) throw new Error('a load needs at least one URL');
      const host = hosts[sent % hosts.length] ?? '';
      const one = get(target.client, target.url, { ...options, host }).then(
        (outcome) => void outcomes.push({ ...outcome, connection }),
      );
      pending.add(one);
      void one.finally(() => pending.delete(one));
    }
    await Promise.all(pending);
    await Promise.all(clients.map(({ client }) => client.close()));
    return outcomes;
  };
  return { outcomes, done: run() };
}

async function get(
  dispatcher: Dispatcher,
  url: string,
  options: LoadOptions & { readonly host: string },
): Promise<Omit<Outcome, 'connection'>> {
  const sentMs = performance.now();
  try {
    const response = await send(`${url}${options.path ?? '/'}`, {
      dispatcher,
      headers: { host: options.host, ...options.headers },
      headersTimeout: 30_000,
    });
    const body = await response.body.text();
    const receivedMs = performance.now();
    return { sentMs, receivedMs, status: response.statusCode, error: '', body };
  } catch (error) {
    const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    return { sentMs, receivedMs: performance.now(), status: 0, error: text, body: '' };
  }
}

/** Counts outcomes by status, and by error text for those without. */
export function tally(outcomes: readonly Outcome[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { status, error } of outcomes) {
    const key = status === 0 ? error : String(status);
    counts[key] = (counts[key] ?? 0) + 1;
  }
  return counts;
}

/**
 * Most requests that were certainly admitted within one window of `windowMs`. A request was admitted at some moment
 * between being sent and being answered, so those count whose whole interval lies in the window: what the network and a
 * busy machine add to single times cannot make a window look fuller than it was.
 */
export function busiestWindow(
  outcomes: readonly Pick<Outcome, 'sentMs' | 'receivedMs'>[],
  windowMs: number,
): number {
  const sorted = [...outcomes].sort((a, b) => a.sentMs - b.sentMs);
  let most = 0;
  for (let from = 0; from < sorted.length; from += 1) {
    const startMs = sorted[from]?.sentMs ?? 0;
    let inside = 0;
    for (let at = from; at < sorted.length; at += 1) {
      const outcome = sorted[at];
      if (outcome === undefined || outcome.sentMs >= startMs + windowMs) break;
      if (outcome.receivedMs < startMs + windowMs) inside += 1;
    }
    most = Math.max(most, inside);
  }
  return most;
}

/**
 * How many requests at these times a limiter that wastes nothing would admit: a machine that holds up the load leaves some
 * of a limit unused, whoever enforces it.
 */
export function admissibleAt(
  timesMs: readonly number[],
  { limit, windowMs }: { readonly limit: number; readonly windowMs: number },
): number {
  const admittedMs: number[] = [];
  for (const timeMs of timesMs.toSorted((a, b) => a - b)) {
    const oldest = admittedMs[admittedMs.length - limit];
    if (oldest === undefined || oldest <= timeMs - windowMs) admittedMs.push(timeMs);
  }
  return admittedMs.length;
}
