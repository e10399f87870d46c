import type { Clock, Timers } from '@headgate/runtime';

/** Times in ms; the rest are counts. */
export interface FetchLanesOptions {
  /** Fetches at the same time. Default 32. */
  readonly fetchesMax: number;
  /** Those of one owner. Default 2. */
  readonly ownFetchesMax: number;
  /** Those of one owner that wait for their turn. Default 8. */
  readonly ownWaitingMax: number;
  /** For a fetch, its turn included. Default 3 s. */
  readonly deadlineMs: number;
}

const DEFAULTS: FetchLanesOptions = {
  fetchesMax: 32,
  ownFetchesMax: 2,
  ownWaitingMax: 8,
  deadlineMs: 3000,
};

/** What {@link FetchLanes} works with. */
export interface FetchLanesDeps extends Timers {
  readonly clock: Pick<Clock, 'monotonicMs'>;
}

interface Owner {
  active: number;
  /** Each begins one that has waited. */
  readonly waiting: Set<() => void>;
}

/**
 * Bounds fetches at the same time, so that nobody's slow servers hold up those of others: each owner has few of many places, and whoever
 * waits takes turns with other owners. What has not begun by its deadline fails.
 */
export class FetchLanes {
  readonly #deps: FetchLanesDeps;
  readonly #options: FetchLanesOptions;
  /** Those with fetches, whose turn is next first. */
  readonly #owners = new Map<string, Owner>();
  #active = 0;

  constructor(deps: FetchLanesDeps, options: Partial<FetchLanesOptions> = {}) {
    this.#deps = deps;
    this.#options = { ...DEFAULTS, ...options };
  }

  /**
   * Runs a fetch when it is its turn.
   *
   * @param fetch ends within the time that it is given, in ms.
   */
  async run<Result>(
    ownerId: string,
    fetch: (timeoutMs: number) => Promise<Result>,
  ): Promise<Result> {
    const { clock } = this.#deps;
    const dueMs = clock.monotonicMs() + this.#options.deadlineMs;
    let owner = this.#owners.get(ownerId);
    if (owner === undefined) {
      owner = { active: 0, waiting: new Set() };
      this.#owners.set(ownerId, owner);
    }
    if (this.#mayBegin(owner)) this.#begin(owner);
    else await this.#waitIn(owner).finally(() => this.#forgetIdle(ownerId, owner));
    try {
      return await fetch(Math.max(1, dueMs - clock.monotonicMs()));
    } finally {
      this.#active -= 1;
      owner.active -= 1;
      this.#forgetIdle(ownerId, owner);
      this.#beginNext();
    }
  }

  #mayBegin({ active }: Owner): boolean {
    return active < this.#options.ownFetchesMax && this.#active < this.#options.fetchesMax;
  }

  #begin(owner: Owner): void {
    this.#active += 1;
    owner.active += 1;
  }

  async #waitIn({ waiting }: Owner): Promise<void> {
    const { ownWaitingMax, deadlineMs } = this.#options;
    if (waiting.size >= ownWaitingMax) throw new Error('too many fetches wait for their turn');
    return new Promise((resolve, reject) => {
      const begin = (): void => {
        cancel();
        resolve();
      };
      const cancel = this.#deps.schedule(() => {
        waiting.delete(begin);
        reject(new Error('it was not its turn in time'));
      }, deadlineMs);
      waiting.add(begin);
    });
  }

  #beginNext(): void {
    for (const [ownerId, owner] of this.#owners) {
      const [begin] = owner.waiting;
      if (begin === undefined || !this.#mayBegin(owner)) continue;
      owner.waiting.delete(begin);
      this.#begin(owner);
      this.#owners.delete(ownerId); // to the end: others are next
      this.#owners.set(ownerId, owner);
      begin();
      return;
    }
  }

  #forgetIdle(ownerId: string, { active, waiting }: Owner): void {
    if (active === 0 && waiting.size === 0) this.#owners.delete(ownerId);
  }
}
