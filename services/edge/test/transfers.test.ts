import assert from 'node:assert/strict';
import { Agent, request, type IncomingMessage } from 'node:http';
import * as https from 'node:https';
import { after, before, test } from 'node:test';
import {
  createHttpOrigin,
  createSeededRandom,
  makeCertificate,
  waitFor,
  type HttpOrigin,
} from '@headgate/testkit';
import {
  planDocument,
  startTestEdge,
  tenantDocument,
  type TestEdge,
} from './support/edge-process.ts';

const TRANSFERS = 300;
const AT_A_TIME = 32;
const BODY_BYTES_MAX = 1_500_000;
const TENANTS = ['a', 'b'];

const random = createSeededRandom(29);
const below = (bound: number): number => Math.floor(random.next() * bound);
/** Every body is a part of it; random, so that a part at any other place is noticed. */
const PATTERN = Buffer.from(
  Uint8Array.from({ length: 2 * BODY_BYTES_MAX }, () => random.next() * 256),
);

/** Who ends a transfer before it is over. */
type Cut = 'nobody' | 'client' | 'endpoint';

/** One request and its answer, both with a body. */
interface Transfer {
  readonly id: number;
  readonly cut: Cut;
  readonly upload: Buffer;
  readonly download: Buffer;
  /** Both bodies are under way at the same time; the answer may be complete before its request. */
  readonly answersAtOnce: boolean;
  /** The endpoint got all of the upload. */
  uploaded: boolean;
  outcome: 'whole' | 'cut' | null;
}

/** Those of the present test. */
let transfers: readonly Transfer[] = [];

const makeTransfer = (id: number): Transfer => ({
  id,
  cut: random.next() < 0.8 ? 'nobody' : random.next() < 0.5 ? 'client' : 'endpoint',
  answersAtOnce: random.next() < 0.5,
  upload: somePart(),
  download: somePart(),
  uploaded: false,
  outcome: null,
});
let corrupt: string[] = [];

let origin: HttpOrigin;
let edge: TestEdge;
const agent = new Agent({ keepAlive: true, maxSockets: AT_A_TIME });
const secureAgent = new https.Agent({
  ...{ keepAlive: true, maxSockets: AT_A_TIME, rejectUnauthorized: false },
});

before(async () => {
  origin = await createHttpOrigin((incoming, response) => {
    const transfer = transfers[Number(incoming.url?.slice(1))];
    assert.ok(transfer !== undefined);
    const { cut, download } = transfer;
    const cutAt = cut === 'endpoint' ? below(download.length) : Infinity;
    const cutNow = (): void => void incoming.socket.resetAndDestroy();
    response.on('error', () => undefined);
    const answer = (): void => {
      response.writeHead(200, random.next() < 0.5 ? {} : { 'Content-Length': download.length });
      void send(download, response, cutAt, cutNow);
    };
    if (transfer.answersAtOnce) answer();
    void take(incoming, transfer.upload, `upload ${transfer.id}`).then((whole) => {
      transfer.uploaded = whole;
      if (whole && !transfer.answersAtOnce) answer();
    });
  });
  const upstreams = { main: { endpoints: [{ host: '127.0.0.1', port: origin.port }] } };
  const routes = { rest: { upstreamId: 'main', idleTimeoutMs: 8000 } };
  const tenants = TENANTS.map((id) =>
    tenantDocument({
      ...{ id, hosts: [`${id}.test`], upstreams, routes },
      certificates: { web: makeCertificate({ dnsNames: [`${id}.test`] }) },
    }),
  );
  edge = await startTestEdge({ documents: [planDocument(), ...tenants], tls: true });
});

after(async () => {
  agent.destroy();
  secureAgent.destroy();
  await origin.close();
  await edge.stop();
});

function somePart(): Buffer {
  const start = below(BODY_BYTES_MAX);
  const length = random.next() < 0.2 ? below(20_000) : below(BODY_BYTES_MAX);
  return PATTERN.subarray(start, start + length);
}

/** Sends `body` in slices of random size with a pause now and then; calls `cut` at `cutAt` bytes instead of going on. */
async function send(
  body: Buffer,
  target: NodeJS.WritableStream & { readonly destroyed: boolean },
  cutAt: number,
  cut: () => void,
): Promise<void> {
  for (let at = 0; at < body.length && !target.destroyed;) {
    if (at >= cutAt) return cut();
    const end = Math.min(body.length, at + 1 + below(150_000));
    const goesOn = target.write(body.subarray(at, end));
    at = end;
    if (!goesOn) {
      await drained(target);
    } else if (random.next() < 0.1) {
      await pause();
    }
  }
  if (!target.destroyed) target.end();
}

/** Resolves once the stream takes more, or never will. */
function drained(stream: NodeJS.WritableStream): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      stream.off('drain', done).off('close', done);
      resolve();
    };
    stream.on('drain', done).on('close', done);
  });
}

/** Reads a body, with a pause now and then; whether it came whole. What differs from `expected` is noted. */
async function take(source: IncomingMessage, expected: Buffer, what: string): Promise<boolean> {
  let taken = 0;
  try {
    for await (const chunk of source as AsyncIterable<Buffer>) {
      const same = chunk.equals(expected.subarray(taken, taken + chunk.length));
      if (!same) corrupt.push(`${what} at ${taken}`);
      taken += chunk.length;
      if (random.next() < 0.2) await pause();
    }
  } catch {
    return false; // cut
  }
  if (taken !== expected.length) corrupt.push(`${what} ends at ${taken} of ${expected.length}`);
  return true;
}

/** Some ms in which a peer neither reads nor writes. */
const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, below(20)));

async function run(transfer: Transfer, isSecure: boolean): Promise<void> {
  const { id, cut, upload, download } = transfer;
  const host = `${TENANTS[id % TENANTS.length] ?? ''}.test`;
  const way = isSecure
    ? { agent: secureAgent, port: edge.tlsPort, servername: host }
    : { agent, port: edge.port };
  const outgoing = (isSecure ? https.request : request)({
    host: '127.0.0.1',
    ...way,
    method: 'POST',
    path: `/${id}`,
    headers: { Host: host, ...(random.next() < 0.5 ? {} : { 'Content-Length': upload.length }) },
  });
  const answered = new Promise<IncomingMessage | null>((resolve) => {
    outgoing.on('response', resolve);
    outgoing.on('error', () => resolve(null));
    outgoing.on('close', () => resolve(null));
  });
  const cutAt = cut === 'client' ? below(upload.length) : Infinity;
  outgoing.once('socket', (socket) => {
    // Below TLS there is no reset to be had; half a message and the end of it come to the same.
    void send(upload, outgoing, cutAt, () => {
      if (isSecure) socket.destroy();
      else socket.resetAndDestroy();
    });
  });
  const answer = await answered;
  const whole =
    answer?.statusCode === 200 && (await take(answer, download, `download ${transfer.id}`));
  answer?.resume();
  transfer.outcome = whole ? 'whole' : 'cut';
}

for (const isSecure of [false, true]) {
  test(`${TRANSFERS} uploads and downloads at once${isSecure ? ' over TLS' : ''}, some of them cut: none hangs, none is damaged`, async () => {
    corrupt = [];
    transfers = Array.from({ length: TRANSFERS }, (_, id) => makeTransfer(id));
    const waiting = [...transfers];
    const worker = async (): Promise<void> => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift())
        await run(next, isSecure);
    };
    for (let index = 0; index < AT_A_TIME; index += 1) void worker();
    await waitFor(() => transfers.every(({ outcome }) => outcome !== null), {
      message: 'every transfer to end',
      deadlineMs: 60_000,
      describe: () => transfers.filter(({ outcome }) => outcome === null).map(({ id }) => id),
    });
    assert.deepEqual(corrupt, []);
    const uncut = transfers.filter(({ cut }) => cut === 'nobody');
    const cutShort = uncut.filter(
      ({ outcome, uploaded, answersAtOnce }) => outcome !== 'whole' || !(uploaded || answersAtOnce),
    );
    assert.deepEqual(cutShort, [], 'cut by nobody');
  });
}
