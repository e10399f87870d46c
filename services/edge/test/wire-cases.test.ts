import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { createRecordingOrigin, waitFor, type RecordingOrigin } from '@headgate/testkit';
import {
  planDocument,
  startTestEdge,
  tenantDocument,
  type TestEdge,
} from './support/edge-process.ts';
import { connectRaw, type RawClient } from './support/raw-client.ts';
import { expandBytes, readWireCases, SPLITS, type WireCase } from './support/wire-cases.ts';

/** Cases that do not apply, each with its reason. Anything else in the file runs. */
const NOT_APPLICABLE: Readonly<Record<string, string>> = {
  'h2-02': 'HTTP/2 is not served on this listener',
  'h2-03': 'HTTP/2 is not served on this listener',
  'h2-06': 'HTTP/2 is not served on this listener',
  'h2-08': 'HTTP/2 is not served on this listener',
};

/** Cases whose verdict is stricter here than the file's, with the reason. */
const STRICTER: Readonly<Record<string, { readonly status: string; readonly why: string }>> = {
  'pp-09': {
    status: 'close',
    why: 'a listener with PROXY v2 takes no version 1: closed before anything is parsed as HTTP',
  },
};

const PROBE = 'GET /g?probe HTTP/1.1\r\nHost: t1.test\r\n\r\n';
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
const EARLY_413 = 'HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nbig';
/** Answered before the request is complete. */
const EARLY_ANSWERS: Readonly<Record<string, string>> = { 'conn-13': EARLY_413 };
/** Dripped slower than the route waits for a whole head. */
const DRIPPED = new Set(['resp-37']);
const DRIP_MS = 100;
/** Cases that end at a timeout: all their splits run at once. */
const TIMED = new Set(['chunk-31', 'conn-12']);

let origin: RecordingOrigin;
let edge: TestEdge;
let proxyEdge: TestEdge;

before(async () => {
  origin = await createRecordingOrigin();
  const upstreams = { backend: { endpoints: [{ host: '127.0.0.1', port: origin.port }] } };
  const route = (prefix: string, settings: object) => ({
    match: { path: { prefix } },
    upstreamId: 'backend',
    requestBodyBytesMax: 1_048_576,
    ...settings,
  });
  const routes = {
    p: route('/p', { idleTimeoutMs: 900 }),
    g: route('/g', { perTryTimeoutMs: 600 }),
    ws: route('/ws', {}),
    rest: route('/', {}),
  };
  const documents = [
    planDocument(),
    tenantDocument({ id: 't1', hosts: ['t1.test'], upstreams, routes }),
    tenantDocument({ id: 't2', hosts: ['t2.test'], upstreams, routes }),
  ];
  [edge, proxyEdge] = await Promise.all([
    startTestEdge({ documents }),
    startTestEdge({ documents, env: { HEADGATE_EDGE_PROXY_PROTOCOL: 'v2' } }),
  ]);
});

after(async () => {
  await origin.close();
  await Promise.all([edge.stop(), proxyEdge.stop()]);
});

const cases = readWireCases();

test('wire cases: each case either runs or has a reason not to', () => {
  const ids = new Set(cases.map(({ id }) => id));
  const listed = [...Object.keys(NOT_APPLICABLE), ...Object.keys(STRICTER)];
  assert.deepEqual(
    listed.filter((id) => !ids.has(id)),
    [],
  );
  const foreign = cases.filter(({ front }) => front !== undefined).map(({ id }) => id);
  assert.deepEqual(foreign, Object.keys(NOT_APPLICABLE));
});

for (const side of ['client', 'backend'] as const) {
  suite(`wire cases: ${side} side`, () => {
    for (const wireCase of cases.filter((one) => one.side === side)) {
      if (NOT_APPLICABLE[wireCase.id] !== undefined) continue;
      if (TIMED.has(wireCase.id)) {
        test(`${wireCase.id} ${wireCase.title}, in every split`, async () => {
          await Promise.all(Object.values(SPLITS).map((cut) => runClientCase(wireCase, cut)));
        });
        continue;
      }
      for (const [split, cut] of Object.entries(SPLITS)) {
        test(`${wireCase.id} ${wireCase.title}, ${split}`, async () => {
          const run = side === 'client' ? runClientCase : runBackendCase;
          await run(wireCase, cut);
        });
      }
    }
  });
}

async function runClientCase(wireCase: WireCase, cut: (bytes: Buffer) => Buffer[]): Promise<void> {
  const early = EARLY_ANSWERS[wireCase.id];
  origin.respondWith(() => OK);
  const seenBefore = origin.requests.length;
  const client = await connectRaw(wireCase.listener === 'pp' ? proxyEdge.port : edge.port);
  await client.sendPieces(cut(expandBytes(wireCase.bytes)));
  if (early !== undefined) await answerEarly(early);
  await assertOutcome(wireCase, client, seenBefore);
  client.close();
}

async function runBackendCase(wireCase: WireCase, cut: (bytes: Buffer) => Buffer[]): Promise<void> {
  const dripped = DRIPPED.has(wireCase.id);
  const pieces = cut(expandBytes(wireCase.bytes));
  let connections = 0;
  const answer = async (connection: RecordingOrigin['connections'][number]): Promise<void> => {
    connections += 1;
    if (dripped) {
      await connection.writeSlowly(wireCase.bytes, { pieceBytes: 1, pauseMs: DRIP_MS });
      return;
    }
    for (const piece of pieces) {
      connection.write(piece);
      await new Promise((resolve) => setImmediate(resolve));
    }
    connection.end();
  };
  origin.respondWith(async (_request, connection) => {
    await answer(connection);
    return undefined;
  });
  const seenBefore = origin.requests.length;
  const request = expandBytes(wireCase.request ?? '');
  const client = await connectRaw(edge.port);
  client.send(request);
  if (wireCase.id === 'resp-42') await answer(await newestHead('POST /p'));
  await assertOutcome(wireCase, client, seenBefore);
  assert.equal(connections, 1, 'not retried');
  client.close();
  origin.respondWith(() => OK);
}

/** The newest connection of the origin on which a request head, but no whole request, has arrived. */
function newestHead(start: string): Promise<RecordingOrigin['connections'][number]> {
  return waitFor(
    () =>
      origin.connections.find((connection) => {
        const received = connection.received().toString('latin1');
        const at = received.lastIndexOf(start);
        return !connection.ended && at !== -1 && received.includes('\r\n\r\n', at);
      }),
    { message: `a head that starts with ${start}` },
  );
}

async function answerEarly(bytes: string): Promise<void> {
  (await newestHead('POST /p')).write(bytes);
}

async function assertOutcome(
  wireCase: WireCase,
  client: RawClient,
  seenBefore: number,
): Promise<void> {
  const { expect } = wireCase;
  const wanted = STRICTER[wireCase.id]?.status ?? expect.status;
  const allowed: readonly (number | string)[] = Array.isArray(wanted) ? wanted : [wanted];
  const verdict = await verdictOf(client, wireCase, allowed);
  assert.ok(
    allowed.some((one) => one === verdict || (one === 'forward' && verdict === 200)),
    `expected ${JSON.stringify(allowed)}, got ${verdict}`,
  );
  const requests = typeof expect.backend === 'number' ? expect.backend : 1;
  if (verdict === 200 && requests > 1) await client.response(requests - 1);
  if (expect.conn === 'close' || verdict === 400) await client.closed();
  assertBackend(wireCase, verdict, origin.requests.length - seenBefore);
  if (expect.conn !== 'keep') return;
  const answered = client.responses().filter(({ status }) => status >= 200).length;
  client.send(PROBE);
  assert.equal((await client.response(answered)).status, 200, 'the connection goes on');
}

/** Status of the first final response; 'close' for none at all, 'abort' for a part of one. */
async function verdictOf(
  client: RawClient,
  wireCase: WireCase,
  allowed: readonly (number | string)[],
): Promise<number | string> {
  return waitFor(
    () => {
      const [first] = client.responses(['']).filter(({ status }) => status >= 200);
      if (first !== undefined) return first.status;
      if (client.state() === 'open') return null;
      return client.received() === '' ? 'close' : 'abort';
    },
    {
      message: `${wireCase.id}: a verdict of ${JSON.stringify(allowed)}`,
      describe: () => client.received(),
    },
  );
}

function assertBackend(wireCase: WireCase, verdict: number | string, seen: number): void {
  const { backend } = wireCase.expect;
  if (backend === undefined) return;
  const forwarded = verdict === 200;
  const expected = typeof backend === 'number' ? backend : forwarded ? 1 : 0;
  assert.equal(seen, expected, 'requests at the backend');
}
