import type { DocumentOutcome, OrderedMessage } from '../ipc/messages.ts';
import { parseDocument, type ParsedDocument } from '../ipc/wire-document.ts';

/** What an inbox works with. */
export interface InboxDeps {
  /** Monotonic, in ms. */
  readonly nowMs: () => number;
  /** Calls back after so many ms. */
  readonly wait: (callback: () => void, ms: number) => void;
  /** Whether clients are connected. */
  readonly isServing: () => boolean;
  readonly apply: (document: ParsedDocument, compileNow: boolean) => DocumentOutcome;
  /**
   * Told of documents of one message at a time, of large ones in several parts. Those that are not to be compiled now are
   * told of only if they are rejected.
   */
  readonly onOutcomes: (outcomes: readonly DocumentOutcome[]) => void;
  /** Begins what a message asks for; the next one does not wait for its end. */
  readonly handle: (message: Exclude<OrderedMessage, { readonly type: 'documents' }>) => void;
}

/** Documents are applied for so long in one turn of the event loop, in ms: requests that come meanwhile wait for it. */
export const TURN_MS = 2;

/**
 * What is left after a turn of compilation waits for so long if there are clients, in ms. Their requests go ahead, and V8 goes on
 * with a marking meanwhile: at its end it moves what was made since its beginning, and so a pause is as long as much was
 * compiled during the marking.
 */
export const REST_MS = 4;

/** An inbox that has not been empty for so long rests no more until it is: changes that keep coming must not pile up. */
export const REST_FOR_MS_MAX = 30_000;

/**
 * Messages of the primary that a worker has not acted on. However much comes at once, requests are served in between: a
 * turn of the event loop ends with the document that its time ran out with. What waits is what has come faster than a
 * worker compiles, every revision of it: the primary relies on being heard in order.
 */
export class Inbox {
  readonly #deps: InboxDeps;
  readonly #waiting: OrderedMessage[] = [];
  /** Documents of the first message that have been applied. */
  #applied = 0;
  /** This turn has had its time. */
  #turnOver = false;
  /** Documents were compiled in this turn. */
  #compiled = false;
  /** Since when something has been waiting. */
  #busySinceMs = 0;

  constructor(deps: InboxDeps) {
    this.#deps = deps;
  }

  /** Acts on a message now, or when those before it are done and this turn has time left. */
  push(message: OrderedMessage): void {
    if (this.#waiting.length === 0) this.#busySinceMs = this.#deps.nowMs();
    this.#waiting.push(message);
    if (!this.#turnOver) this.#work();
  }

  #work(): void {
    this.#turnOver = true;
    this.#compiled = false;
    const next = () => {
      this.#turnOver = false;
      if (this.#waiting.length > 0) this.#work();
    };
    try {
      this.#workUntil(this.#deps.nowMs() + TURN_MS);
    } finally {
      if (this.#mayRest()) this.#deps.wait(next, REST_MS);
      else setImmediate(next);
    }
  }

  #mayRest(): boolean {
    if (!this.#compiled || this.#waiting.length === 0 || !this.#deps.isServing()) return false;
    return this.#deps.nowMs() - this.#busySinceMs < REST_FOR_MS_MAX;
  }

  #workUntil(untilMs: number): void {
    do {
      const message = this.#waiting[0];
      if (message === undefined) return;
      if (message.type === 'documents') {
        if (!this.#applyUntil(untilMs, message.documents, message.compileNow)) return;
        this.#applied = 0;
        this.#waiting.shift();
      } else {
        this.#waiting.shift();
        this.#deps.handle(message);
      }
    } while (this.#deps.nowMs() < untilMs);
  }

  /** Applies at least one document. Returns whether it was the last one. */
  #applyUntil(untilMs: number, documents: readonly string[], compileNow: boolean): boolean {
    const outcomes: DocumentOutcome[] = [];
    this.#compiled ||= compileNow;
    do {
      const text = documents[this.#applied];
      if (text === undefined) break;
      const outcome = this.#deps.apply(parseDocument(text), compileNow);
      if (compileNow || outcome.outcome === 'rejected') outcomes.push(outcome);
      this.#applied += 1;
    } while (this.#deps.nowMs() < untilMs);
    if (outcomes.length > 0) this.#deps.onOutcomes(outcomes);
    return this.#applied >= documents.length;
  }
}
