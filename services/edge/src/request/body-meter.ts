import type { BodyBytes, ChargeDates, LimitChain, Limiter } from '@headgate/limiting';
import { HeldBytes } from '../io/held-bytes.ts';
import type { UsageTally } from '../usage/usage-tally.ts';

/**
 * Bytes of the bodies of one request whose limits count them: none passes that was not taken. There is one only for
 * requests with such limits; others cost a test for null.
 */
export class BodyMeter {
  readonly chain: LimitChain;
  readonly request: MeteredBody;
  readonly response: MeteredBody;

  /** @param taken what was taken with the admission, at the time of `charge`. */
  constructor(chain: LimitChain, taken: BodyBytes, charge: ChargeDates) {
    const { request = 0, response = 0 } = chain.byteSteps ?? {};
    this.chain = chain;
    this.request = new MeteredBody(request, taken.request, charge);
    this.response = new MeteredBody(response, taken.response, charge);
  }

  /** When `onDeadline` of the exchange is due for a body that waits; Infinity for none. Monotonic, in ms. */
  get dueMs(): number {
    return Math.min(this.request.retryAtMs, this.response.retryAtMs);
  }

  /** What is asked for, for a body. */
  askFor(body: MeteredBody): BodyBytes {
    const { asking } = body;
    return body === this.request
      ? { request: asking, response: 0 }
      : { request: 0, response: asking };
  }

  /** The request has ended: what was taken and did not pass is given back. To be called once. */
  close(limiter: Pick<Limiter, 'returnBytes'>, tally: Pick<UsageTally, 'giveBack'>): void {
    const { chain, request, response } = this;
    const unused = { request: request.left, response: response.left };
    tally.giveBack(chain, unused);
    if (request.charge === response.charge) {
      limiter.returnBytes(chain, request.charge, unused);
      return;
    }
    limiter.returnBytes(chain, request.charge, { request: request.left, response: 0 });
    limiter.returnBytes(chain, response.charge, { request: 0, response: response.left });
  }
}

/**
 * One direction. What comes beyond the bytes that were taken is held, at most one read of the socket, as the source is
 * paused; more is taken only when nothing is left, so that all that is ever left is of the last charge.
 */
export class MeteredBody {
  /** Bytes to take at once; 0: the direction is not counted. */
  readonly step: number;
  /** Bytes that are asked for, a step or less. */
  asking: number;
  /** Bytes that were taken and have not passed. */
  left: number;
  /** When these were taken. */
  charge: ChargeDates;
  /** The source has ended while bytes are held. */
  ended = false;
  /** The limiter has refused: it is asked again then. Monotonic, in ms. */
  retryAtMs = Infinity;
  /** Held bytes are dropped then, and the request ends; Infinity while none are held. */
  giveUpAtMs = Infinity;
  readonly #first: number;
  readonly #held = new HeldBytes();

  constructor(step: number, left: number, charge: ChargeDates) {
    this.step = step;
    this.asking = step;
    this.left = left;
    this.#first = left;
    this.charge = charge;
  }

  /** Bytes are held: the source is paused. */
  get waiting(): boolean {
    return this.#held.length > 0;
  }

  /** Up to where bytes [start, end) may pass now; those behind it are held. */
  allow(chunk: Buffer, start: number, end: number): number {
    if (this.step === 0) return end;
    const passing = this.waiting ? 0 : Math.min(this.left, end - start);
    this.left -= passing;
    if (start + passing < end) this.#held.append(chunk, start + passing, end);
    return start + passing;
  }

  /** The whole body is `length` bytes, no more than were taken first, and passes; again with each attempt. */
  passWhole(length: number): void {
    if (this.step > 0) this.left = this.#first - length;
  }

  /** What was asked for was taken: removes and returns what may pass of what is held. */
  grant(charge: ChargeDates): Buffer {
    this.charge = charge;
    const passing = Math.min(this.asking, this.#held.length);
    this.left = this.asking - passing;
    this.asking = this.step;
    return this.#held.takeBytes(passing);
  }

  /** What was asked for does not fit. True if less would do for what is held: that is asked for next, else a step. */
  askForLess(): boolean {
    const isLess = this.#held.length < this.asking;
    this.asking = isLess ? this.#held.length : this.step;
    return isLess;
  }
}
