import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import { METHODS, createServer } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { createConnection } from 'node:net';
import { after, before, test } from 'node:test';
import { readRequests } from './message-reader.ts';
import type { ReadMessage } from './message-reader.ts';
import { seededRandom } from './random.ts';

// Differential test against llhttp, strict as node:http runs it by default: whatever this codec
// accepts must mean the same to it. The other direction does not hold, this codec is stricter.

const MUTANTS = 40_000;
const COMPARED_MIN = 2500;
const SEED = 3;
const ANSWER_DEADLINE_MS = 5000;

const seeds = [
  'GET /g?a=1 HTTP/1.1\r\nHost: t1.test\r\nUser-Agent: x\r\n\r\n',
  'POST /p HTTP/1.1\r\nHost: t1.test:80\r\nContent-Length: 5\r\nX-Y:  a b \t\r\n\r\nhello',
  'POST /p HTTP/1.1\r\nHost: t1.test\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b;c="q"\r\nhello\r\n0\r\n\r\n',
  'PUT /p HTTP/1.1\r\nHost: t1.test\r\nTransfer-Encoding: Chunked\r\n\r\nA\r\nhelloworld\r\n0\r\nX: y\r\n\r\n',
  '\r\nHEAD /h HTTP/1.0\r\nConnection: close\r\nAccept: */*\r\n\r\n',
  'OPTIONS * HTTP/1.1\r\nHost: [::1]:8080\r\nCookie: a=b; c=d\r\n\r\n',
];
const inserts = [
  '',
  ' ',
  '\t',
  '\r',
  '\n',
  '\r\n',
  ':',
  ',',
  ';',
  '0',
  '5',
  'a',
  '"',
  '\\',
  '\x80',
  '\0',
];

/** A request as node:http understood it, in the form of {@link ReadMessage}. */
interface Understood {
  readonly start: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: string;
}

const understood: Understood[] = [];
const server = createServer({ insecureHTTPParser: false, keepAlive: true }, (request, response) => {
  const parts: Buffer[] = [];
  request.on('data', (part: Buffer) => parts.push(part));
  request.on('end', () => {
    understood.push(describe(request, Buffer.concat(parts)));
    response.end();
  });
});
let port = 0;

before(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  port = address.port;
});

after(() => {
  server.closeAllConnections();
  server.close();
});

test('every accepted mutant means the same to llhttp', async () => {
  const random = seededRandom(SEED);
  const seen = new Set<string>();
  let compared = 0;
  for (let i = 0; i < MUTANTS; i++) {
    const text =
      i < seeds.length ? (seeds[i] ?? '') : mutate(seeds[i % seeds.length] ?? '', random);
    if (seen.has(text)) continue;
    seen.add(text);
    const stream = readRequests([Buffer.from(text, 'latin1')]);
    const message = stream.messages[0];
    if (stream.fault !== null || stream.headPending || stream.messages.length !== 1) continue;
    if (message === undefined || !message.complete || !isComparable(message)) continue;
    compared++;
    assert.deepEqual(await askNode(text), expected(message), JSON.stringify(text));
  }
  assert.ok(compared >= COMPARED_MIN, `only ${compared} mutants were accepted`);
});

/** llhttp knows a fixed list of methods and answers Expect and Upgrade by itself. */
function isComparable(message: ReadMessage): boolean {
  if (!METHODS.includes(message.start.split(' ', 1)[0] ?? '')) return false;
  return !message.headers.some(([name]) => /^(expect|upgrade)$/i.test(name));
}

function expected({ start, headers, body }: ReadMessage): Understood {
  return { start, headers, body };
}

function describe(request: IncomingMessage, body: Buffer): Understood {
  const headers: [string, string][] = [];
  for (let i = 0; i < request.rawHeaders.length; i += 2) {
    headers.push([request.rawHeaders[i] ?? '', request.rawHeaders[i + 1] ?? '']);
  }
  return { start: `${request.method} ${request.url}`, headers, body: body.toString('latin1') };
}

/** Sends the bytes on a connection of their own and returns the one request that node saw. */
async function askNode(text: string): Promise<Understood | undefined> {
  understood.length = 0;
  const socket = createConnection({ port, host: '127.0.0.1' });
  const signal = AbortSignal.timeout(ANSWER_DEADLINE_MS);
  try {
    socket.end(text, 'latin1');
    socket.resume();
    await once(socket, 'close', { signal });
  } finally {
    socket.destroy();
  }
  assert.ok(understood.length <= 1, 'node saw more than one request');
  return understood[0];
}

/** One to three small changes: insert, delete, replace, duplicate a part. */
function mutate(text: string, random: (bound: number) => number): string {
  let mutant = text;
  for (let changes = 1 + random(3); changes > 0; changes--) {
    const at = random(mutant.length + 1);
    const kind = random(5);
    const removed = kind === 0 ? 0 : kind === 4 ? 0 : 1;
    const inserted =
      kind === 4
        ? mutant.slice(at, at + random(20))
        : kind === 1
          ? String.fromCharCode(33 + random(94))
          : (inserts[random(inserts.length)] ?? '');
    mutant = mutant.slice(0, at) + inserted + mutant.slice(at + removed);
  }
  return mutant;
}
