import { createHttpOrigin, type HttpOrigin } from '@headgate/testkit';

/** Requests for this path wait while a gate is closed. Within the route of the traffic. */
export const HELD_PATH = '/v1/items/held';

/** Holds requests back until it is released. */
export interface Gate {
  /** Requests that wait. */
  readonly held: number;
  release(): void;
}

/** An endpoint that answers everything with 200, and some of it when it is told to. Whoever starts it closes it. */
export class HeldEndpoint {
  readonly #origin: HttpOrigin;
  readonly #waiting: (() => void)[];
  readonly #state: { closed: boolean };

  private constructor(origin: HttpOrigin, waiting: (() => void)[], state: { closed: boolean }) {
    this.#origin = origin;
    this.#waiting = waiting;
    this.#state = state;
  }

  static async start(): Promise<HeldEndpoint> {
    const waiting: (() => void)[] = [];
    const state = { closed: false };
    const origin = await createHttpOrigin((request, response) => {
      request.resume();
      const answer = (): void => void response.end('ok\n');
      if (state.closed && request.url === HELD_PATH) waiting.push(answer);
      else answer();
    });
    return new HeldEndpoint(origin, waiting, state);
  }

  get port(): number {
    return this.#origin.port;
  }

  /** From now on requests for {@link HELD_PATH} wait. */
  closeGate(): Gate {
    const [state, waiting] = [this.#state, this.#waiting];
    state.closed = true;
    return {
      get held() {
        return waiting.length;
      },
      release() {
        state.closed = false;
        for (const answer of waiting.splice(0)) answer();
      },
    };
  }

  close(): Promise<void> {
    return this.#origin.close();
  }
}
