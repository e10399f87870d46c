import { BoundedMap } from './bounded-map.ts';
import { BoundedQueue } from './bounded-queue.ts';
import { systemClock, type Clock } from './clock.ts';
import type { ResolveAll, ResolvedAddress } from './guarded-lookup.ts';
import { systemTimers, type Timers } from './timers.ts';

/** Times in ms; the rest are counts. */
export interface NameCacheOptions {
  /** Names remembered; the one resolved longest ago makes room. Default 10,000, some 5 MB. */
  readonly namesMax: number;
  /** Up to this age an answer is given as it is. Default 5 s. */
  readonly freshMs: number;
  /** Up to this age an answer is given at once and renewed behind it, when older it is renewed first. Default 10 s. */
  readonly staleMs: number;
  /** Up to this age an answer is given while the name cannot be resolved. Default 10 min. */
  readonly lastGoodMs: number;
  /** Time after which the last good answer is given while a lookup is under way. Default 250 ms. */
  readonly patienceMs: number;
  /** Time after which a lookup has failed, for a name without a good answer. Default 5 s. */
  readonly deadlineMs: number;
  /** A name that failed is not looked up again for this time. Default 1 s. */
  readonly retryMs: number;
  /** Nor one that took longer than `deadlineMs`: it held a thread. Default 30 s. */
  readonly hungRetryMs: number;
  /** A lookup that takes longer makes its name one of the others below. Default 1 s. */
  readonly slowMs: number;
  /** Lookups at the same time, of names that were resolved soon when last asked for, and as many of others. Default 4. */
  readonly lookupsMax: number;
  /** Names that wait for one, in each of the two lanes. Default 10,000. */
  readonly waitingMax: number;
}

const DEFAULTS: NameCacheOptions = {
  namesMax: 10_000,
  freshMs: 5000,
  staleMs: 10_000,
  lastGoodMs: 600_000,
  patienceMs: 250,
  deadlineMs: 5000,
  retryMs: 1000,
  hungRetryMs: 30_000,
  slowMs: 1000,
  lookupsMax: 4,
  waitingMax: 10_000,
};

/** What lookups need beside the resolver. */
export interface NameCacheDeps extends Timers {
  /** `lookup` of `node:dns`, with the options of who asks first: all who share a cache ask with the same. */
  readonly resolve: ResolveAll;
  readonly clock: Clock;
}

type Options = Parameters<ResolveAll>[1];
type Done = Parameters<ResolveAll>[2];

/** What is known of a name. */
interface Name {
  readonly name: string;
  readonly options: Options;
  /** The last good answer; empty before the first one. */
  addresses: readonly ResolvedAddress[];
  resolvedMs: number;
  /** Of the last lookup; null if it succeeded. */
  error: NodeJS.ErrnoException | null;
  /** The last lookup succeeded soon. */
  isProven: boolean;
  /** No lookup before this time. */
  retryAtMs: number;
  /** One is under way or waits for its turn. */
  isDue: boolean;
  /** Who waits for it, for a bounded time. */
  waiting: Done[];
  cancelTimer: (() => void) | null;
  /** Uses of the present answer. */
  turns: number;
}

/** Lookups at the same time, and the names that wait for their turn. */
interface Lane {
  underWay: number;
  readonly queue: BoundedQueue<Name>;
}

/**
 * Creates a resolver that remembers answers for seconds, and the last good one of each name for minutes in case it can be resolved
 * no more. Requests for one name share a lookup.
 *
 *     age of the answer   0 ──── freshMs ──── staleMs ──────────────── lastGoodMs ────►
 *     given               at once │ at once,   │ after a lookup; as it is  │ after a lookup
 *                                 │ is renewed │ if that fails or takes long │
 *
 * `getaddrinfo` cannot be cancelled and holds a thread of libuv's pool, of which it gets half. So names that failed, took long or are new
 * wait for threads apart from those that were resolved soon, and one that hangs holds one thread, for none but itself.
 */
export function createNameCache(
  deps: Pick<NameCacheDeps, 'resolve'> & Partial<NameCacheDeps>,
  options: Partial<NameCacheOptions> = {},
): ResolveAll {
  const cache = new NameCache(
    { clock: systemClock, ...systemTimers, ...deps },
    { ...DEFAULTS, ...options },
  );
  return (name, options, done) => cache.resolve(name, options, done);
}

class NameCache {
  readonly #names: BoundedMap<string, Name>;
  /** Of names that were resolved soon when last asked for. */
  readonly #proven: Lane;
  readonly #unproven: Lane;
  readonly #deps: NameCacheDeps;
  readonly #options: NameCacheOptions;

  constructor(deps: NameCacheDeps, options: NameCacheOptions) {
    this.#deps = deps;
    this.#options = options;
    this.#names = new BoundedMap(options.namesMax);
    this.#proven = { underWay: 0, queue: new BoundedQueue(options.waitingMax) };
    this.#unproven = { underWay: 0, queue: new BoundedQueue(options.waitingMax) };
  }

  resolve(text: string, options: Options, done: Done): void {
    const name = this.#names.get(text) ?? this.#add(text, options);
    const nowMs = this.#deps.clock.monotonicMs();
    const ageMs = nowMs - name.resolvedMs;
    const mayAsk = !name.isDue && nowMs >= name.retryAtMs;
    if (ageMs > this.#options.freshMs && mayAsk) this.#ask(name);
    // Whoever comes while a lookup takes longer than patience allows does not wait for it again.
    const waits = name.isDue && name.cancelTimer !== null && ageMs > this.#options.staleMs;
    if (waits) name.waiting.push(done);
    else this.#give(name, done);
  }

  #add(text: string, options: Options): Name {
    const name: Name = {
      name: text,
      options,
      addresses: [],
      resolvedMs: -Infinity,
      error: null,
      isProven: false,
      retryAtMs: 0,
      isDue: false,
      waiting: [],
      cancelTimer: null,
      turns: 0,
    };
    this.#names.set(text, name);
    return name;
  }

  /** Looks the name up as soon as its lane allows it. */
  #ask(name: Name): void {
    const lane = name.isProven ? this.#proven : this.#unproven;
    if (lane.underWay >= this.#options.lookupsMax && !lane.queue.push(name)) {
      this.#fail(name, lookupError(name.name, 'EAGAIN'), this.#options.retryMs);
      return;
    }
    name.isDue = true;
    const { patienceMs, deadlineMs } = this.#options;
    const waitMs = this.#hasLastGood(name) ? patienceMs : deadlineMs;
    name.cancelTimer = this.#deps.schedule(() => this.#endWait(name), waitMs);
    if (lane.underWay < this.#options.lookupsMax) this.#start(name, lane);
  }

  #start(name: Name, lane: Lane): void {
    lane.underWay += 1;
    const startedMs = this.#deps.clock.monotonicMs();
    this.#deps.resolve(name.name, name.options, (error, addresses) => {
      lane.underWay -= 1;
      this.#settle(name, error, addresses, this.#deps.clock.monotonicMs() - startedMs);
      const next = lane.queue.shift();
      if (next !== undefined) this.#start(next, lane);
    });
  }

  #settle(
    name: Name,
    error: NodeJS.ErrnoException | null,
    addresses: readonly ResolvedAddress[],
    tookMs: number,
  ): void {
    name.isDue = false;
    const { retryMs, hungRetryMs, deadlineMs, slowMs } = this.#options;
    name.isProven = error === null && tookMs < slowMs;
    if (error !== null || addresses.length === 0) {
      const cause = error ?? lookupError(name.name, 'ENOTFOUND');
      this.#fail(name, cause, tookMs >= deadlineMs ? hungRetryMs : retryMs);
    } else {
      name.addresses = addresses;
      name.resolvedMs = this.#deps.clock.monotonicMs();
      name.error = null;
      name.turns = 0;
      if (this.#names.get(name.name) === name) this.#names.set(name.name, name);
    }
    this.#endWait(name);
  }

  #fail(name: Name, error: NodeJS.ErrnoException, retryMs: number): void {
    name.error = error;
    name.retryAtMs = this.#deps.clock.monotonicMs() + retryMs;
  }

  /** Gives those who wait what there is. */
  #endWait(name: Name): void {
    name.cancelTimer?.();
    name.cancelTimer = null;
    if (name.isDue) name.error ??= lookupError(name.name, 'ETIMEOUT');
    const { waiting } = name;
    name.waiting = [];
    for (const done of waiting) this.#give(name, done);
  }

  /** Never in the turn of who asks, as `node:dns`. */
  #give(name: Name, done: Done): void {
    if (this.#hasLastGood(name)) process.nextTick(done, null, this.#inTurn(name));
    else process.nextTick(done, name.error ?? lookupError(name.name, 'ETIMEOUT'), []);
  }

  #hasLastGood({ addresses, resolvedMs }: Name): boolean {
    const ageMs = this.#deps.clock.monotonicMs() - resolvedMs;
    return addresses.length > 0 && ageMs <= this.#options.lastGoodMs;
  }

  /**
   * Servers of names change the order of addresses with each answer, to spread connections: of the addresses of the family that comes
   * first, each use begins with the next one.
   */
  #inTurn(name: Name): ResolvedAddress[] {
    const { addresses, turns } = name;
    name.turns += 1;
    const others = addresses.findIndex(({ family }) => family !== addresses[0]?.family);
    const preferred = others === -1 ? addresses.length : others;
    const first = turns % preferred;
    return [
      ...addresses.slice(first, preferred),
      ...addresses.slice(0, first),
      ...addresses.slice(preferred),
    ];
  }
}

/** As `lookup` of `node:dns` fails. */
function lookupError(name: string, code: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`getaddrinfo ${code} ${name}`), { code, syscall: 'getaddrinfo' });
}
