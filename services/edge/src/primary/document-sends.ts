import type { PrimaryMessage } from '../ipc/messages.ts';
import type { WireDocument } from '../ipc/wire-document.ts';

/** Documents per IPC message, which a worker reads at once. */
const BATCH_DOCUMENTS = 100;

/**
 * Sends documents to all workers, in order and many in a message: those that come over the bus in one turn of the event
 * loop are gathered.
 */
export class DocumentSends {
  readonly #broadcast: (message: PrimaryMessage) => void;
  #gathered: string[] = [];
  #compileNow = false;
  #flushScheduled = false;

  constructor(broadcast: (message: PrimaryMessage) => void) {
    this.#broadcast = broadcast;
  }

  /** Sends a document with others of this turn; `compileNow` as in the message. */
  gather(document: WireDocument, compileNow: boolean): void {
    if (compileNow !== this.#compileNow) this.flush();
    this.#compileNow = compileNow;
    this.#gathered.push(document.text);
    if (this.#gathered.length >= BATCH_DOCUMENTS) this.flush();
    else this.#scheduleFlush();
  }

  /** Sends what was gathered, so that what is sent next comes after it. */
  flush(): void {
    this.#flushScheduled = false;
    if (this.#gathered.length === 0) return;
    const documents = this.#gathered;
    this.#gathered = [];
    this.#broadcast({ type: 'documents', compileNow: this.#compileNow, documents });
  }

  /** Sends documents at once, to be compiled now. */
  sendAll(documents: readonly WireDocument[]): void {
    for (const message of batchesOf(documents, true)) this.#broadcast(message);
  }

  #scheduleFlush(): void {
    if (this.#flushScheduled) return;
    this.#flushScheduled = true;
    setImmediate(() => this.flush());
  }
}

/** Messages of a bounded number of documents each. */
export function* batchesOf(
  documents: readonly WireDocument[],
  compileNow: boolean,
): Generator<PrimaryMessage> {
  for (let from = 0; from < documents.length; from += BATCH_DOCUMENTS) {
    yield {
      type: 'documents',
      compileNow,
      documents: documents.slice(from, from + BATCH_DOCUMENTS).map(({ text }) => text),
    };
  }
}
