import { readFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { ResponseReader } from './response-reader.ts';

/** What a connection tells. */
export interface ClientEvents {
  readonly onOpen: (connection: ClientConnection) => void;
  readonly onAnswer: (connection: ClientConnection, status: number) => void;
  /** It has ended, for whatever reason; once. */
  readonly onEnd: (connection: ClientConnection) => void;
}

/** Requests in turn, as texts that are ready to be sent. */
export type RequestTexts = readonly string[];

/** A keep-alive connection of a load generator: plain bytes, no HTTP client between. */
export class ClientConnection {
  readonly #socket: Socket;
  readonly #requests: RequestTexts;

  /**
   * @param buffer what is read lands here; connections of one thread may share it
   * @param localAddress where it comes from; by default the system chooses
   */
  constructor(
    port: number,
    requests: RequestTexts,
    buffer: Buffer,
    events: ClientEvents,
    localAddress?: string,
  ) {
    this.#requests = requests;
    const reader = new ResponseReader((status) => events.onAnswer(this, status));
    const socket = connect({
      host: '127.0.0.1',
      port,
      noDelay: true,
      ...(localAddress === undefined ? {} : { localAddress }),
      onread: {
        buffer,
        callback: (length) => {
          if (!reader.push(buffer, length)) socket.destroy();
          return true;
        },
      },
    });
    socket.once('connect', () => events.onOpen(this));
    socket.on('error', () => undefined); // 'close' follows
    socket.once('close', () => events.onEnd(this));
    this.#socket = socket;
  }

  /** Sends the request with this number, counted around the texts. */
  send(request: number): void {
    this.write(this.#requests[request % this.#requests.length] ?? '');
  }

  /** Sends the text of a request. */
  write(text: string): void {
    this.#socket.write(text, 'latin1');
  }

  /** Ends it at once; `onEnd` follows. */
  destroy(): void {
    this.#socket.destroy();
  }
}

/** Texts of a GET for each host in a file with one a line. */
export async function readRequestTexts(hostsFile: string, path: string): Promise<RequestTexts> {
  const hosts = (await readFile(hostsFile, 'utf8')).trimEnd().split('\n');
  return hosts.map(
    (host) =>
      `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nUser-Agent: bench\r\nAccept: application/json\r\n\r\n`,
  );
}
