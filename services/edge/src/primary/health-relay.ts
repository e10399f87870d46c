import { healthKey, type HealthState } from '@headgate/model';
import { BoundedMap } from '@headgate/runtime';
import type { PrimaryMessage } from '../ipc/messages.ts';

/** Upstreams whose state is kept for new workers. */
const STATES_MAX = 200_000;

/** Passes health states on to the workers, in batches, and keeps the newest of each for workers that start later. */
export class HealthRelay {
  readonly #broadcast: (message: PrimaryMessage) => void;
  readonly #states = new BoundedMap<string, HealthState>(STATES_MAX);
  #outbox: HealthState[] = [];

  constructor(broadcast: (message: PrimaryMessage) => void) {
    this.#broadcast = broadcast;
  }

  receive(state: HealthState): void {
    this.#states.set(healthKey(state), state);
    if (this.#outbox.length === 0) setImmediate(() => this.#flush());
    this.#outbox.push(state);
  }

  /** The upstream is no longer probed: its endpoints count as healthy. */
  remove(key: string): void {
    const state = this.#states.get(key);
    this.#states.delete(key);
    if (state !== undefined) this.receive({ ...state, endpoints: [] });
  }

  /** Message that brings a new worker up to date. */
  primingMessage(): PrimaryMessage {
    return { type: 'health', states: [...this.#states.values()] };
  }

  #flush(): void {
    const states = this.#outbox;
    this.#outbox = [];
    this.#broadcast({ type: 'health', states });
  }
}
