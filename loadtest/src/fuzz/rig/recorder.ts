import type { Socket } from 'node:net';
import { valuesOf, type ReadRequest } from '../read/read-request.ts';
import { readRequest } from '../read/strict-reader.ts';
import { listenOnFreePort } from './tcp-server.ts';

/** A request as a recorder got it. */
export interface RecordedRequest extends ReadRequest {
  /** Value of X-Request-Id, which the edge sets; '' for none. */
  readonly id: string;
  /** Its bytes, latin1. */
  readonly raw: string;
}

/** What a recorder tells. */
export interface RecorderEvents {
  /** A complete request, on the connection with this number. */
  readonly onRequest: (request: RecordedRequest, connection: number) => void;
  /** Bytes that are no request to the strict reader. */
  readonly onFault: (fault: string, text: string) => void;
}

/** A backend that reads as strictly as the grammar allows, records, and answers with the id of the request. */
export interface Recorder {
  readonly port: number;
  close(): Promise<void>;
}

/** Header of an answer that names the request which it answers. */
export const ECHO_HEADER = 'x-echo-id';

/** Starts a recorder on a free port of 127.0.0.1. */
export async function startRecorder(events: RecorderEvents): Promise<Recorder> {
  let connections = 0;
  return listenOnFreePort((socket) => record(socket, connections++, events));
}

function record(socket: Socket, connection: number, events: RecorderEvents): void {
  let text = '';
  socket.setEncoding('latin1');
  socket.on('data', (chunk: string) => {
    text += chunk;
    let answers = '';
    while (text !== '') {
      const read = readRequest(text, 0);
      if (read === 'incomplete') break;
      if ('fault' in read) {
        events.onFault(read.fault, text);
        socket.destroy();
        return;
      }
      const [id = ''] = valuesOf(read.value.headers, 'x-request-id');
      events.onRequest({ ...read.value, id, raw: text.slice(0, read.end) }, connection);
      text = text.slice(read.end);
      answers += answerTo(read.value.method, id);
    }
    if (answers !== '' && socket.writable) socket.write(answers, 'latin1');
  });
  socket.on('end', () => socket.end());
}

function answerTo(method: string, id: string): string {
  const body = `answer to ${id}`;
  const head = `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\nX-Echo-Id: ${id}\r\n\r\n`;
  return method === 'HEAD' ? head : head + body;
}
