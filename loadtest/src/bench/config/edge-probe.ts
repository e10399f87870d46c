import { ClientConnection } from '../open-loop/client-connection.ts';

/** Pause after an answer that is not the wanted one. */
const PAUSE_MS = 1;

/** A kept-alive connection to an edge that asks the same again until the answer changes. One question at a time. */
export class EdgeProbe {
  readonly #connection: ClientConnection;
  #onAnswer: (status: number) => void = () => undefined;
  #onEnd: () => void = () => undefined;

  private constructor(port: number, onOpen: () => void) {
    this.#connection = new ClientConnection(port, [], Buffer.alloc(16_384), {
      onOpen,
      onAnswer: (_, status) => this.#onAnswer(status),
      onEnd: () => this.#onEnd(),
    });
  }

  /** @throws Error if the port is closed. */
  static open(port: number): Promise<EdgeProbe> {
    return new Promise((resolve, reject) => {
      const probe: EdgeProbe = new EdgeProbe(port, () => resolve(probe));
      probe.#onEnd = () => reject(new Error(`nobody accepts on port ${port}`));
    });
  }

  /**
   * Asks until the answer is 200. Returns when that answer was there, in ms of `performance.now()`.
   *
   * @throws Error after `deadlineMs`, or if the connection ends
   */
  async untilOk(host: string, path: string, deadlineMs: number): Promise<number> {
    const text = `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nUser-Agent: bench\r\n\r\n`;
    const untilMs = performance.now() + deadlineMs;
    for (;;) {
      const status = await this.#ask(text);
      const nowMs = performance.now();
      if (status === 200) return nowMs;
      if (nowMs > untilMs) throw new Error(`${host}${path} is answered with ${status} still`);
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }

  close(): void {
    this.#connection.destroy();
  }

  #ask(text: string): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#onAnswer = resolve;
      this.#onEnd = () => reject(new Error('an edge closed the connection of a probe'));
      this.#connection.write(text);
    });
  }
}
