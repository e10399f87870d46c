import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import {
  createRecordingOrigin,
  waitFor,
  type OriginConnection,
  type RecordingOrigin,
} from '@headgate/testkit';
import type { TestEdge } from './support/edge-process.ts';
import { HOSTILE_ANSWERS, type HostileAnswer, type Verdict } from './support/hostile-answers.ts';
import { runMany } from './support/http-client.ts';
import { endpointsAt, startOneTenantEdge } from './support/one-tenant-edge.ts';
import { HOST_LINE } from './support/plain-messages.ts';
import { connectRaw, type RawClient } from './support/raw-client.ts';
import { targetOf } from './support/recorded-head.ts';
import { whileSending } from './support/while-sending.ts';
import { SPLITS } from './support/wire-cases.ts';
import { workerPids } from './support/worker-pids.ts';

/** How long the route waits for a head, and within a body: longer than the longest answer takes byte by byte on a busy machine. */
const TIMEOUT_MS = 2500;
const PARALLEL = 24;

let origin: RecordingOrigin;
let edge: TestEdge;
/** By target: what the origin does with the request. */
const scripts = new Map<string, (connection: OriginConnection) => Promise<void>>();

before(async () => {
  origin = await createRecordingOrigin();
  origin.respondWith(async (request, connection) => {
    const target = targetOf(request);
    const script = scripts.get(target);
    if (script === undefined) {
      return `HTTP/1.1 200 OK\r\nContent-Length: ${target.length}\r\n\r\n${target}`;
    }
    await script(connection);
    return undefined;
  });
  const upstreams = { main: { endpoints: endpointsAt(origin.port) } };
  const timeouts = { perTryTimeoutMs: TIMEOUT_MS, idleTimeoutMs: TIMEOUT_MS };
  const routes = { rest: { upstreamId: 'main', retries: 0, ...timeouts } };
  edge = await startOneTenantEdge({ upstreams, routes });
});

after(async () => {
  await origin.close();
  await edge.stop();
});

const sum = { runs: 0, verdicts: new Map<Verdict, number>() };

for (const [split, cut] of Object.entries(SPLITS)) {
  suite(`hostile backend, ${split}`, () => {
    test(`${HOSTILE_ANSWERS.length} answers: each verdict, no reuse, the next request answered, no leak`, async () => {
      const deviations: string[] = [];
      await runMany(HOSTILE_ANSWERS.length, PARALLEL, async (index) => {
        const answer = HOSTILE_ANSWERS[index];
        if (answer === undefined) return;
        try {
          const verdict = await runAnswer(answer, `/${split.replaceAll(' ', '-')}/${index}`, cut);
          sum.runs += 1;
          sum.verdicts.set(verdict, (sum.verdicts.get(verdict) ?? 0) + 1);
        } catch (error) {
          deviations.push(
            `${answer.title}: ${error instanceof Error ? error.message : String(error)}`,
          );
        }
      });
      assert.deepEqual(deviations, []);
    });
  });
}

test('hostile backend: the sum of it', (context) => {
  const verdicts = [...sum.verdicts].map(([verdict, count]) => `${verdict}: ${count}`);
  context.diagnostic(
    `${HOSTILE_ANSWERS.length} answers, ${sum.runs} runs, ${verdicts.sort().join(', ')}`,
  );
  assert.ok(HOSTILE_ANSWERS.length >= 100);
  assert.equal(sum.runs, HOSTILE_ANSWERS.length * Object.keys(SPLITS).length);
  assert.deepEqual(origin.handlerErrors, []);
});

async function runAnswer(
  answer: HostileAnswer,
  target: string,
  cut: (bytes: Buffer) => Buffer[],
): Promise<Verdict> {
  const method = answer.method ?? 'GET';
  const client = await connectRaw(edge.port);
  const links: OriginConnection[] = [];
  scripts.set(target, async (connection) => {
    links.push(connection);
    const bytes = Buffer.from(answer.bytes, 'latin1');
    for (const piece of answer.inOneWrite === true ? [bytes] : cut(bytes)) {
      if (!connection.write(piece)) return;
      await nextTurn();
    }
    if (answer.then === 'fin') connection.end();
    if (answer.then !== 'reset') return;
    // An RST may overtake what was sent before it.
    if (answer.bytes !== '') {
      await waitFor(() => client.received() !== '', { message: 'a part of the answer' });
    }
    connection.reset();
  });
  const body = method === 'POST' ? 'Content-Length: 0\r\n' : '';
  client.send(`${method} ${target} HTTP/1.1\r\n${HOST_LINE}${body}\r\n`);
  const verdict = await verdictOf(client, method, answer);
  assert.equal(verdict, answer.verdict);
  assertNoLeak(client, answer);
  const link = links.at(-1);
  assert.ok(link !== undefined, 'the request reached the backend');
  const followUp = await nextRequest(client, method, target);
  if (answer.reusable !== true) await assertNotReused(link, target, followUp);
  client.close();
  return verdict;
}

/** The request for `target` was the last one of its connection: the one after it came on another. */
async function assertNotReused(
  link: OriginConnection,
  target: string,
  followUp: string,
): Promise<void> {
  await waitFor(() => link.ended, { message: 'the edge to close the connection' });
  const seen = link.received().toString('latin1'); // all of it: nothing comes on a closed connection
  assert.ok(seen.includes(` ${target} `) && !seen.includes(` ${followUp} `), 'not pooled');
  assert.ok(
    seen.lastIndexOf(' HTTP/1.1\r\n') === seen.indexOf(' HTTP/1.1\r\n', seen.indexOf(target)),
    'its last request',
  );
}

async function verdictOf(
  client: RawClient,
  method: string,
  answer: HostileAnswer,
): Promise<Verdict> {
  const response = await waitFor(
    () => {
      const [first] = client.responses([method]).filter(({ status }) => status >= 200);
      if (first !== undefined) return first;
      const state = client.state();
      return state === 'open' ? null : state;
    },
    { message: 'a verdict', describe: () => client.received().slice(-300) },
  );
  if (response === 'reset') return 'abort';
  assert.ok(response !== 'ended', 'neither an answer nor an abort');
  if (answer.body !== undefined) assert.equal(response.body, answer.body);
  return response.status;
}

/** A further request, on the same connection where that goes on, is answered with its own answer. Returns its target. */
async function nextRequest(client: RawClient, method: string, target: string): Promise<string> {
  const finals = client.responses([method]).filter(({ status }) => status >= 200);
  const goesOn = client.state() === 'open' && finals[0]?.get('connection') !== 'close';
  const next = `${target}/next`;
  const user = goesOn ? client : await connectRaw(edge.port);
  user.send(`GET ${next} HTTP/1.1\r\n${HOST_LINE}\r\n`);
  const response = await user.response(goesOn ? 1 : 0, goesOn ? [method] : []);
  assert.equal(response.status, 200);
  assert.equal(response.body, next);
  if (!goesOn) user.close();
  return next;
}

function assertNoLeak(client: RawClient, answer: HostileAnswer): void {
  const received = client.received();
  assert.ok(!received.includes('SECRET'), 'bytes of no answer reached the client');
  if (typeof answer.verdict !== 'number' || answer.verdict < 500 || answer.verdict === 599) return;
  for (const secret of ['127.0.0.1', String(origin.port), 'internal', '.ts', 'node:', 'ECONN']) {
    assert.ok(!received.includes(secret), `leaks ${secret}`);
  }
}

suite('a backend that speaks unasked', () => {
  test('bytes on an idle connection: it is closed, and nobody gets them', async () => {
    for (let round = 0; round < 20; round += 1) {
      const client = await connectRaw(edge.port);
      client.send(`GET /idle/${round} HTTP/1.1\r\n${HOST_LINE}\r\n`);
      await client.response();
      const link = origin.connections.find((one) => one.received().includes(`GET /idle/${round} `));
      assert.ok(link !== undefined);
      link.write('HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nSECRET');
      await waitFor(() => link.ended, { message: 'the edge to close the connection' });
      client.send(`GET /idle/${round}/next HTTP/1.1\r\n${HOST_LINE}\r\n`);
      assert.equal((await client.response(1)).body, `/idle/${round}/next`);
      assert.ok(!link.received().includes(`/idle/${round}/next`));
      client.close();
    }
  });
});

suite('an answer while the request is still sent', () => {
  const answers: readonly [string, string][] = [
    ['413', 'HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nbig'],
    ['200', 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nbig'],
    ['chunked 403', 'HTTP/1.1 403 No\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nbig\r\n0\r\n\r\n'],
  ];
  for (const [title, answer] of answers) {
    for (const ending of ['open', 'end', 'reset'] as const) {
      test(`${title}, then ${ending}: the client gets it in each of 5 uploads`, async () => {
        for (let round = 0; round < 5; round += 1) {
          await uploadOnce(answer, ending, async (answerNow) => answerNow());
        }
      });
    }
  }

  test('answer and RST lie unread when the edge sends on: the answer counts, not the failed write', async () => {
    const [worker = 0] = await workerPids(edge.process.pid);
    for (let round = 0; round < 5; round += 1) {
      await uploadOnce(answers[0]?.[1] ?? '', 'reset', async (answerNow, client) => {
        process.kill(worker, 'SIGSTOP');
        try {
          // In this order: the worker hears of the client first.
          client.send(Buffer.alloc(50_000));
          await nextTurn();
          answerNow();
          await nextTurn();
        } finally {
          process.kill(worker, 'SIGCONT');
        }
      });
    }
  });
});

let uploads = 0;

/** Uploads without end while the backend answers after the first bytes, reads no more, and perhaps closes. */
async function uploadOnce(
  answer: string,
  ending: 'open' | 'end' | 'reset',
  atAnswer: (answerNow: () => void, client: RawClient) => Promise<void>,
): Promise<void> {
  const client = await connectRaw(edge.port);
  uploads += 1;
  const target = `/upload/${uploads}`;
  client.send(`PUT ${target} HTTP/1.1\r\n${HOST_LINE}Content-Length: 100000000\r\n\r\nbegin`);
  const link = await waitFor(
    () => origin.connections.find((one) => isBegun(one.received(), target)),
    { message: 'the upload at the backend' },
  );
  try {
    const answerNow = (): void => {
      link.write(answer);
      if (ending === 'end') link.end();
      if (ending === 'reset') link.reset();
    };
    await atAnswer(answerNow, client);
    await whileSending(client, Buffer.alloc(10_000), 1, async () => {
      const response = await client.response();
      assert.equal(response.status, Number(answer.slice(9, 12)));
      assert.equal(response.body, 'big');
      assert.equal(response.get('connection'), 'close');
      assert.equal(await client.closed(), 'ended', 'the answer is not followed by an RST');
      await waitFor(() => link.ended, { message: 'the edge to close the connection' });
    });
  } finally {
    client.close();
  }
}

const isBegun = (received: Buffer, target: string): boolean =>
  received.includes(`PUT ${target} `) && received.subarray(-5).toString() === 'begin';
