import assert from 'node:assert/strict';
import { test } from 'node:test';
import { run, startContractServer, type Answer } from './cli-harness.ts';

const KEY = { id: 'ci', key: `hgk_${'x'.repeat(43)}` };
const UNDER_WAY = { title: 'x', status: 409, code: 'HG_API_REQUEST_UNDER_WAY' };

function answerInTurn(answers: readonly Answer[]): () => Answer {
  const left = [...answers];
  return () => left.shift() ?? { status: 500, body: 'one request too many' };
}

test('a write whose connection broke is sent once more, with the same Idempotency-Key', async (t) => {
  const answer = answerInTurn([
    { status: 'lost', body: '' },
    { status: 201, body: KEY },
  ]);
  const server = await startContractServer(t, answer);
  const created = await run(['key', 'create', 'acme', 'ci', '--url', server.url]);
  assert.deepEqual([created.code, created.stdout], [0, `${KEY.key}\n`]);
  const keys = server.requests.map(({ idempotencyKey }) => idempotencyKey);
  assert.equal(keys.length, 2);
  assert.match(keys[0] ?? '', /^"[0-9a-f-]{36}"$/);
  assert.equal(keys[0], keys[1]);
});

test('a repetition that comes too early waits for the reply of the first request', async (t) => {
  const busy = { status: 409, body: UNDER_WAY };
  const answers: Answer[] = [{ status: 'lost', body: '' }, busy, busy, { status: 201, body: KEY }];
  const server = await startContractServer(t, answerInTurn(answers));
  const created = await run(['key', 'create', 'acme', 'ci', '--url', server.url]);
  assert.deepEqual([created.code, created.stdout, server.requests.length], [0, `${KEY.key}\n`, 4]);
});

test('a connection that breaks twice is told of; two commands use two keys', async (t) => {
  const server = await startContractServer(t, () => ({ status: 'lost', body: '' }));
  const args = ['key', 'create', 'acme', 'ci', '--url', server.url];
  for (let round = 0; round < 2; round++) assert.equal((await run(args)).code, 4);
  const keys = server.requests.map(({ idempotencyKey }) => idempotencyKey);
  assert.deepEqual([keys.length, new Set(keys).size], [4, 2]);
});

test('reads carry no key, and are repeated as well', async (t) => {
  const answer = answerInTurn([
    { status: 'lost', body: '' },
    { body: { items: [], nextCursor: null } },
  ]);
  const server = await startContractServer(t, answer);
  const read = await run(['get', 'plans', '--url', server.url]);
  assert.deepEqual([read.code, read.stderr], [0, 'There are no plans.\n']);
  const keys = server.requests.map(({ idempotencyKey }) => idempotencyKey);
  assert.deepEqual(keys, [undefined, undefined]);
});
