import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { readFileSync } from 'node:fs';
import { suite, test } from 'node:test';
import { waitFor } from '@headgate/testkit';
import { CUT_COUNT, cutInput } from '../src/fuzz/generate/cut-input.ts';
import { meaningOf, type ResponseInput } from '../src/fuzz/generate/response-input.ts';
import { JUSTIFIED } from '../src/fuzz/oracles/justified.ts';
import { startReplays } from '../src/fuzz/oracles/replay.ts';
import { readWithCodec } from '../src/fuzz/read/codec-reader.ts';
import { readResponseWithLlhttp } from '../src/fuzz/read/llhttp-response.ts';
import { readRequestsStrictly } from '../src/fuzz/read/strict-reader.ts';
import { startHostileBackend } from '../src/fuzz/rig/hostile-backend.ts';
import type { RawAnswer } from '../src/fuzz/rig/raw-exchange.ts';
import type { RecordedRequest } from '../src/fuzz/rig/recorder.ts';
import { checkConnection } from '../src/fuzz/targets/edge-answers.ts';
import { checkAnswers } from '../src/fuzz/targets/response-answers.ts';

// The fuzzer's checks, given what a broken edge would do: each kind of damage must be noticed.

const ADDRESS = '10.0.0.1';

function arrivedAs(
  target: string,
  id: string,
  changes: Readonly<Record<string, string>> = {},
): RecordedRequest {
  const fields: Record<string, string> = {
    Host: 't1.test',
    'X-Tenant-Id': 't1',
    'X-Forwarded-For': ADDRESS,
    'X-Forwarded-Proto': 'http',
    'X-Forwarded-Host': 't1.test',
    'X-Request-Id': id,
    ...changes,
  };
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`);
  const raw = `GET ${target} HTTP/1.1\r\n${lines.join('')}\r\n`;
  const [request] = readRequestsStrictly(raw, false).requests;
  assert.ok(request !== undefined);
  return { ...request, id, raw };
}

const answerTo = (id: string): string =>
  `HTTP/1.1 200 OK\r\nContent-Length: 1\r\nX-Echo-Id: ${id}\r\nX-Request-Id: ${id}\r\n\r\nx`;

suite('what the check of the edge notices', () => {
  const sent = ['/a', '/b'].map((target) => `GET ${target} HTTP/1.1\r\nHost: t1.test\r\n\r\n`);
  const reading = readWithCodec([Buffer.from(sent.join(''))]);
  const good = {
    arrived: [arrivedAs('/a', '1'), arrivedAs('/b', '2')],
    answer: { text: answerTo('1') + answerTo('2'), ending: 'ended', sendMs: 1 } as RawAnswer,
  };
  const check = (damage: Partial<typeof good>): string | null => {
    const { arrived, answer } = { ...good, ...damage };
    return checkConnection(reading, arrived, answer, ADDRESS);
  };

  test('nothing, when all is well', () => assert.equal(check({}), null));

  const damages: Readonly<Record<string, Partial<typeof good>>> = {
    'a hang': { answer: { ...good.answer, ending: 'hung' } },
    'a smuggled request': { arrived: [...good.arrived, arrivedAs('/smuggled', '3')] },
    'requests in another order': { arrived: [arrivedAs('/b', '2'), arrivedAs('/a', '1')] },
    'answers in another order': { answer: { ...good.answer, text: answerTo('2') + answerTo('1') } },
    'an answer that is missing': { answer: { ...good.answer, text: answerTo('1') } },
    'an answer too many': { answer: { ...good.answer, text: good.answer.text + answerTo('2') } },
    'an answer that is cut': { answer: { ...good.answer, text: good.answer.text.slice(0, -1) } },
    'an answer that is no HTTP': { answer: { ...good.answer, text: `x${good.answer.text}` } },
    'the tenant of somebody else': {
      arrived: [arrivedAs('/a', '1', { 'X-Tenant-Id': 't2' }), arrivedAs('/b', '2')],
    },
    'a hop-by-hop field': {
      arrived: [arrivedAs('/a', '1', { TE: 'trailers' }), arrivedAs('/b', '2')],
    },
    'a spoofed address': {
      arrived: [arrivedAs('/a', '1', { 'X-Forwarded-For': '1.2.3.4' }), arrivedAs('/b', '2')],
    },
    'an identity field twice': {
      arrived: [arrivedAs('/a', '1', { 'x-tenant-id': 't1' }), arrivedAs('/b', '2')],
    },
  };
  for (const [name, damage] of Object.entries(damages)) {
    test(name, () => assert.equal(typeof check(damage), 'string'));
  }
});

function inputOf(text: string, ending: ResponseInput['ending']): ResponseInput {
  const bytes = Buffer.from(text, 'latin1');
  return {
    method: 'GET',
    clientMinor: 1,
    bytes,
    pieces: [bytes],
    ending,
    meaning: meaningOf(text, 'GET', ending === 'fin'),
    tunnel: false,
  };
}

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello';
const REFUSED =
  'HTTP/1.1 502 Bad Gateway\r\nContent-Type: application/problem+json\r\nContent-Length: 0\r\n\r\n';
const PROBE = 'HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nprobe 4';

suite('what the check of responses notices', () => {
  const check = (input: ResponseInput, text: string, ending: RawAnswer['ending']): string | null =>
    checkAnswers(4, input, 1, { text, ending, sendMs: 1 }).wrong;

  test('nothing, when all is well', () => {
    assert.equal(check(inputOf(OK, 'open'), OK + PROBE, 'ended'), null);
    assert.equal(check(inputOf(OK.slice(0, -1), 'fin'), OK.slice(0, -1), 'reset'), null);
  });

  const truncated = inputOf('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello', 'fin');
  const damages: Readonly<Record<string, string | null>> = {
    'a truncated body that looks whole': check(truncated, OK + PROBE, 'ended'),
    'a truncated body without RST': check(truncated, truncated.bytes.toString(), 'ended'),
    'a good response refused': check(inputOf(OK, 'open'), REFUSED + PROBE, 'ended'),
    'another body': check(inputOf(OK, 'open'), OK.replace('hello', 'HELLO') + PROBE, 'ended'),
    'another status': check(inputOf(OK, 'open'), OK.replace('200', '201') + PROBE, 'ended'),
    'a poisoned probe': check(inputOf(OK, 'open'), OK + OK, 'ended'),
    'a probe without answer': check(inputOf(OK, 'open'), OK, 'ended'),
    'bytes behind the last response': check(inputOf(OK, 'open'), `${OK}${PROBE}x`, 'ended'),
    'a hang': check(inputOf(OK, 'open'), '', 'hung'),
  };
  for (const [name, wrong] of Object.entries(damages)) {
    test(name, () => assert.equal(typeof wrong, 'string'));
  }
});

test('a connection that carries a request behind a response with bad framing is noticed', async () => {
  const reused: number[] = [];
  const backend = await startHostileBackend({
    inputOf: () => inputOf('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhelloX', 'open'),
    onReuse: (index) => reused.push(index),
  });
  const socket = connect(backend.port, '127.0.0.1');
  let text = '';
  socket.setEncoding('latin1').on('data', (chunk: string) => (text += chunk));
  socket.write('GET /r/7 HTTP/1.1\r\nHost: a\r\n\r\n');
  await waitFor(() => text.endsWith('helloX'), { message: 'the response' });
  socket.write('GET /r/8 HTTP/1.1\r\nHost: a\r\n\r\n');
  await waitFor(() => reused.length > 0, { message: 'the second request' });
  socket.destroy();
  await backend.close();
  assert.deepEqual(reused, [7]);
  assert.equal(backend.takeServed(7), 1);
});

test('HAProxy compares: it passes good requests on, and tells of one that it refuses', async () => {
  const compared: number[] = [];
  const differences: string[] = [];
  const replays = await startReplays({
    onCompared: (_, requests) => compared.push(requests),
    onJustified: (id) => assert.fail(id),
    onDifference: ({ id }, detail) => differences.push(`${id} ${detail}`),
  });
  const good = [arrivedAs('/a', '1'), arrivedAs('/b', '2')];
  const bad = {
    ...arrivedAs('/c', '3'),
    raw: 'GET /c HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 2\r\n\r\n',
  };
  const other = { ...arrivedAs('/d', '4'), target: '/e' };
  try {
    assert.ok(
      replays.some(({ name }) => name === 'HAProxy'),
      'npm test installs HAProxy',
    );
    for (const replay of replays) {
      compared.length = 0;
      differences.length = 0;
      await replay.replay([...good, bad, other]);
      assert.deepEqual(compared, [2, 1]);
      assert.equal(differences.length, 2, differences.join('\n'));
      assert.match(differences[0] ?? '', /^3 \w+ does not pass it on: 400/);
      assert.match(differences[1] ?? '', /^4 \w+: target "\/e" is "\/d"/);
    }
  } finally {
    await Promise.all(replays.map((replay) => replay.stop()));
  }
});

test('the response mirror reads with llhttp', async () => {
  const whole = await readResponseWithLlhttp(Buffer.from(OK), 'GET', true);
  assert.deepEqual(whole, { status: 200, body: 'hello' });
  const untilClose = Buffer.from('HTTP/1.1 200 OK\r\n\r\nhello');
  assert.equal((await readResponseWithLlhttp(untilClose, 'GET', true))?.body, 'hello');
  assert.equal(await readResponseWithLlhttp(untilClose, 'GET', false), null);
  assert.equal(await readResponseWithLlhttp(Buffer.from(OK.slice(0, -1)), 'GET', true), null);
  assert.equal(await readResponseWithLlhttp(Buffer.from('nonsense'), 'GET', true), null);
});

test('the cuts go through every byte of every exchange once, in any run of so many inputs', () => {
  const seen = new Set<string>();
  for (let index = 500; index < 500 + CUT_COUNT; index++) {
    const { name, side, how, offset } = cutInput(index);
    seen.add([name, side, how, offset].join());
  }
  assert.equal(seen.size, CUT_COUNT);
});

test('every justified difference is in the documentation, with its reason', () => {
  const page = readFileSync(new URL('../../docs/fuzzing.md', import.meta.url), 'utf8');
  for (const [id, { parser, difference, reason }] of Object.entries(JUSTIFIED)) {
    const row = page.split('\n').find((line) => line.startsWith('|') && line.includes(`\`${id}\``));
    for (const cell of [parser, difference, reason]) {
      assert.ok(row?.includes(cell), `| \`${id}\` | ${parser} | ${difference} | ${reason} |`);
    }
  }
});
