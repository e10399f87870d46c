import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { waitFor, type OriginConnection } from '@headgate/testkit';
import { deviationsOf, readExpectedRequests } from './support/expected-request.ts';
import { runMany } from './support/http-client.ts';
import { connectRaw, type RawClient } from './support/raw-client.ts';
import type { RawResponse } from './support/raw-responses.ts';
import { targetOf } from './support/recorded-head.ts';
import { startWireBench, type WireBench } from './support/wire-bench.ts';
import { expandBytes, readWireCases, SPLITS, type WireCase } from './support/wire-cases.ts';

/** Cases that do not apply, each with its reason. Anything else in the files runs. */
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

const PARALLEL = 24;
const PROBE = 'GET /g?probe HTTP/1.1\r\nHost: t1.test\r\n\r\n';
const EARLY_413 = 'HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nbig';
/** Client cases that the backend answers before the request is complete. */
const EARLY_ANSWERS: Readonly<Record<string, string>> = { 'conn-13': EARLY_413 };
/** The same of a backend case. */
const ANSWERED_EARLY = new Set(['resp-42']);
/** Client cases that stop within the body. */
const STALLED = new Set(['chunk-31', 'conn-12']);
/** Dripped slower than the route waits for a whole head. */
const DRIPPED = new Set(['resp-37']);
const DRIP_MS = 100;

const given = readWireCases('given');
const cases = [...given, ...readWireCases('derived')];
const applicable = cases.filter(({ id }) => NOT_APPLICABLE[id] === undefined);

let bench: WireBench;
/** Request ids of answers, with what the client had sent: who reached the backend must be among them. */
const authorised = new Map<string, string>();
let runs = 0;

before(async () => {
  const backendCases = cases.filter(({ side }) => side === 'backend');
  bench = await startWireBench(backendCases.map(({ id }) => id.toLowerCase()));
});

after(() => bench.stop());

test('wire cases: each case either runs or has a reason not to', () => {
  const ids = new Set(cases.map(({ id }) => id));
  assert.equal(ids.size, cases.length);
  assert.equal(given.length, 128);
  const listed = [...Object.keys(NOT_APPLICABLE), ...Object.keys(STRICTER)];
  assert.deepEqual(
    listed.filter((id) => !ids.has(id)),
    [],
  );
  const foreign = given.filter(({ front }) => front !== undefined).map(({ id }) => id);
  assert.deepEqual(foreign, Object.keys(NOT_APPLICABLE));
});

for (const [split, cut] of Object.entries(SPLITS)) {
  suite(`wire cases, ${split}`, () => {
    test(`${applicable.length} cases: no deviation`, async () => {
      const deviations: string[] = [];
      await runMany(applicable.length, PARALLEL, async (index) => {
        const wireCase = applicable[index];
        if (wireCase === undefined) return;
        const mark = `${split.replaceAll(' ', '-')}-${wireCase.id}`;
        const run = wireCase.side === 'client' ? runClientCase : runBackendCase;
        try {
          await run(wireCase, mark, cut);
          runs += 1;
        } catch (error) {
          const reason = error instanceof Error ? error.message : String(error);
          deviations.push(`${wireCase.id} ${wireCase.title}: ${reason}`);
        }
      });
      assert.deepEqual(deviations, []);
    });
  });
}

test('the backend has seen exactly the requests that were authorised', (context) => {
  const { origin } = bench;
  const seen = bench.requestIds();
  assert.equal(seen.size, origin.requests.length, 'an id of its own each');
  const strangers = [...seen].filter(([id]) => !authorised.has(id));
  assert.deepEqual(
    strangers.map(([, request]) => request.raw.toString('latin1')),
    [],
  );
  assert.equal(runs, applicable.length * Object.keys(SPLITS).length);
  context.diagnostic(
    `${applicable.length} cases × ${Object.keys(SPLITS).length} splits = ${runs} runs, ` +
      `${seen.size} requests at the backend, 0 deviations; ` +
      `${Object.keys(NOT_APPLICABLE).length} cases not applicable, ${Object.keys(STRICTER).length} stricter`,
  );
});

async function runClientCase(
  wireCase: WireCase,
  mark: string,
  cut: (bytes: Buffer) => Buffer[],
): Promise<void> {
  const early = EARLY_ANSWERS[wireCase.id];
  const plain = aimed(expandBytes(wireCase.bytes), STALLED.has(wireCase.id));
  const bytes = early === undefined ? plain : marked(plain, mark);
  const { edge, proxyEdge } = bench;
  const client = await connectRaw(wireCase.listener === 'pp' ? proxyEdge.port : edge.port);
  try {
    await client.sendPieces(cut(bytes));
    if (early !== undefined) (await connectionOf(mark)).write(early);
    await assertOutcome(wireCase, client, bytes);
  } finally {
    client.close();
  }
}

async function runBackendCase(
  wireCase: WireCase,
  mark: string,
  cut: (bytes: Buffer) => Buffer[],
): Promise<void> {
  const pieces = cut(expandBytes(wireCase.bytes));
  const answers = { onNew: 0, onReused: 0 };
  const answer = async (connection: OriginConnection): Promise<void> => {
    const reused = !connection.received().toString('latin1').split('\r\n')[0]?.includes(mark);
    answers[reused ? 'onReused' : 'onNew'] += 1;
    if (DRIPPED.has(wireCase.id)) {
      await connection.writeSlowly(wireCase.bytes, { pieceBytes: 1, pauseMs: DRIP_MS });
      return;
    }
    for (const piece of pieces) {
      connection.write(piece);
      await nextTurn();
    }
    connection.end();
  };
  bench.script(mark, answer);
  const tenantId = wireCase.id.toLowerCase();
  const plain = expandBytes((wireCase.request ?? '').replace('t1.test', `${tenantId}.test`));
  const request = marked(aimed(plain, DRIPPED.has(wireCase.id)), mark);
  const client = await connectRaw(bench.edge.port);
  try {
    client.send(request);
    if (ANSWERED_EARLY.has(wireCase.id)) await answer(await connectionOf(mark));
    await assertOutcome(wireCase, client, request);
    assertMarked(mark, request, tenantId);
    // A kept-alive connection that its peer is just closing is replaced once.
    assert.ok(answers.onNew <= 1 && answers.onReused <= 1, 'not retried');
  } finally {
    client.close();
  }
}

/** The bytes with the target of a route that does not wait for long, if so wanted. */
function aimed(bytes: Buffer, isImpatient: boolean): Buffer {
  if (!isImpatient) return bytes;
  return Buffer.from(bytes.toString('latin1').replace(/^(\S+) \S+/, '$1 /impatient'), 'latin1');
}

/** The bytes with a mark in the target of their first request. */
function marked(bytes: Buffer, mark: string): Buffer {
  const text = bytes.toString('latin1');
  return Buffer.from(text.replace(/^(\S+ \S+)/, `$1?mark=${mark}`), 'latin1');
}

/** The connection of the origin on which the head of the marked request has arrived, its body perhaps not. */
function connectionOf(mark: string): Promise<OriginConnection> {
  return waitFor(
    () => bench.origin.connections.find((one) => one.received().includes(`?mark=${mark} HTTP/1.1`)),
    { message: `a head with ${mark}` },
  );
}

async function assertOutcome(wireCase: WireCase, client: RawClient, sent: Buffer): Promise<void> {
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
  const answers = finals(client);
  if (expect.conn === 'keep') {
    client.send(PROBE);
    assert.equal((await client.response(answers.length)).status, 200, 'the connection goes on');
  }
  const forwarded = assertForwarded(wireCase, answers, sent);
  const probe = finals(client)[answers.length];
  if (probe !== undefined) authorised.set(probe.get('x-request-id'), PROBE);
  if (expect.backend === undefined) return;
  const expected = typeof expect.backend === 'number' ? expect.backend : verdict === 200 ? 1 : 0;
  assert.equal(forwarded, expected, 'requests at the backend');
}

const finals = (client: RawClient): RawResponse[] =>
  client.responses(['']).filter(({ status }) => status >= 200);

/**
 * Compares what the backend got with what the client had sent: the n-th answer belongs to the n-th request. Returns how
 * many requests the backend got.
 */
function assertForwarded(
  wireCase: WireCase,
  answers: readonly RawResponse[],
  sent: Buffer,
): number {
  const seen = bench.requestIds();
  const expected = readExpectedRequests(sent);
  let forwarded = 0;
  answers.forEach((answer, index) => {
    const id = answer.get('x-request-id');
    authorised.set(id, wireCase.id);
    const recorded = seen.get(id);
    if (recorded === undefined) return;
    forwarded += 1;
    const request = expected[index];
    assert.ok(request !== undefined, `the client sent no request ${index}`);
    const tenantId = /^[\w-]+/.exec(request.host)?.[0] ?? '';
    assert.deepEqual(deviationsOf(recorded, request, tenantId), []);
  });
  return forwarded;
}

/** The same for a marked request, which the client may have got no answer to. */
function assertMarked(mark: string, sent: Buffer, tenantId: string): void {
  const [expected] = readExpectedRequests(sent);
  for (const [id, recorded] of bench.requestIds()) {
    if (!targetOf(recorded).endsWith(`?mark=${mark}`)) continue;
    authorised.set(id, mark);
    assert.ok(expected !== undefined);
    assert.deepEqual(deviationsOf(recorded, expected, tenantId), []);
  }
}

/** Status of the first final response; 'close' for none at all, 'abort' for a part of one. */
async function verdictOf(
  client: RawClient,
  wireCase: WireCase,
  allowed: readonly (number | string)[],
): Promise<number | string> {
  return waitFor(
    () => {
      const [first] = finals(client);
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
