import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { resetSocket } from '@headgate/runtime';
import { waitFor } from '@headgate/testkit';
import fc from 'fast-check';
import { fastify } from 'fastify';
import { parseStrictJson, readJsonBodies } from './json-body.ts';
import { findBadKey } from './repeated-keys.ts';

for (const [text, message] of [
  ['{"auth":"api_key","auth":"none"}', /^the key "auth" is twice in one object \(character 19\)$/],
  ['{"a":[{"b":1 , "c":{}, "\\u0062" : 2}]}', /^the key "\\u0062" is twice .*character 24/],
  ['{"a":{"__proto__":{}}}', /^"__proto__" cannot be a name here \(character 7\)$/],
  ['{"\\u005f_proto__":1}', /^"__proto__" cannot be a name/],
  ['{"a":', /^the body is not valid JSON: /],
] as const) {
  test(`is refused: ${text}`, () => {
    assert.throws(() => parseStrictJson(Buffer.from(text)), { statusCode: 400, message });
  });
}

test('bytes that are not UTF-8 are refused, not replaced', () => {
  const bytes = Buffer.from('{"name":"caf\u00e9"}', 'latin1');
  assert.throws(() => parseStrictJson(bytes), {
    statusCode: 400,
    message: 'the body is not UTF-8',
  });
});

test('what somebody may send is bounded in keys, and in objects and lists without any', () => {
  const read = (text: string) => parseStrictJson(Buffer.from(text), 3);
  assert.deepEqual(read('[{"a":"[[[["},{"b":1,"c":2}]'), [{ a: '[[[[' }, { b: 1, c: 2 }]);
  for (const [text, what] of [
    ['{"a":1,"b":2,"c":3,"d":4}', 'keys'],
    ['[{},{},{}]', 'objects and lists'],
    ['[[],[],[]', 'objects and lists'],
  ] as const) {
    const message = new RegExp(`^the body has 4 ${what}; .* at most 3: send fewer`);
    assert.throws(() => read(text), { statusCode: 413, message });
  }
});

test('of a body that is longer than somebody may send the rest is counted, up to what the operation takes', async (t) => {
  const app = fastify({ bodyLimit: 1000 });
  t.after(() => app.close());
  const bounds = { bytesMax: 100, keysMax: 3 };
  readJsonBodies(app, ({ headers }) => (headers['authorization'] === undefined ? bounds : null));
  app.post('/', async ({ body }) => String(body).length);
  const send = async (bytes: number, headers = {}) => {
    const text = JSON.stringify('x'.repeat(bytes - 2));
    const pieces = Array.from({ length: Math.ceil(bytes / 50) }, (_, index) =>
      text.slice(index * 50, (index + 1) * 50),
    );
    const type = { 'content-type': 'application/json', ...headers };
    const whole = await app.inject({ method: 'POST', url: '/', headers: type, payload: text });
    const payload = Readable.from(pieces);
    const chunked = await app.inject({ method: 'POST', url: '/', headers: type, payload });
    return [whole, chunked].map(({ statusCode, body }) => [statusCode, body] as const);
  };
  for (const reply of await send(100)) assert.deepEqual(reply, [200, '98']);
  for (const bytes of [101, 1000]) {
    for (const [status, body] of await send(bytes)) {
      assert.equal(status, 413);
      assert.match(body, new RegExp(`the body has ${bytes} bytes; .* at most 100: send fewer`));
    }
  }
  const [whole, chunked] = await send(2000);
  assert.deepEqual([whole?.[0], chunked?.[0]], [413, 413]);
  assert.match(String(chunked?.[1]), /Request body is too large/);
  const [, byAdmin] = await send(1000, { authorization: 'all' });
  assert.deepEqual(byAdmin, [200, '998']);
});

test('a body that nobody reads holds up neither its connection nor, when that is reset, the service', async (t) => {
  const app = fastify({ bodyLimit: 2 ** 24 });
  t.after(() => app.close());
  readJsonBodies(app, () => ({ bytesMax: 2 ** 22, keysMax: 3 }));
  app.get('/', async () => 'got');
  app.post('/', async () => 'posted');
  const { port } = new URL(await app.listen({ host: '127.0.0.1', port: 0 }));
  const body = Buffer.alloc(2 ** 20, 0x20);
  const head = (line: string, type: string) =>
    `${line} HTTP/1.1\r\nHost: a\r\nContent-Type: ${type}\r\nContent-Length: ${body.length}\r\n\r\n`;
  const unread = [
    [head('GET /', 'application/json'), '200'],
    [head('POST /', 'text/plain'), '415'],
    [head('POST /nowhere', 'text/plain'), '404'],
  ] as const;
  for (const [request, status] of unread) {
    const socket = connect(Number(port), '127.0.0.1');
    let received = '';
    socket.setEncoding('latin1').on('data', (chunk: string) => (received += chunk));
    socket.write(request);
    socket.write(body);
    socket.write('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
    await once(socket, 'close');
    const statuses = [...received.matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, code]) => code);
    assert.deepEqual(statuses, [status, '200'], request);
  }
  for (const [request] of unread) {
    const socket = connect(Number(port), '127.0.0.1');
    await once(socket, 'connect');
    socket.write(request);
    socket.write(body.subarray(0, 2 ** 19));
    await once(socket, 'data');
    resetSocket(socket);
  }
  const connections = () =>
    new Promise<number>((resolve) => app.server.getConnections((_, count) => resolve(count)));
  await waitFor(async () => (await connections()) === 0, {
    message: 'all connections to be gone',
    deadlineMs: 10_000,
  });
});

test('keys in strings, in other objects and after escapes are none that are there twice', () => {
  const value = { a: '{"a":1,"a":2}', b: { a: '\\', b: '"a":' }, '\\': ['"', { a: 1 }, { a: 2 }] };
  assert.deepEqual(parseStrictJson(Buffer.from(JSON.stringify(value, null, 1))), value);
  assert.equal(parseStrictJson(Buffer.from('\ufeff1')), 1);
});

test('whatever JSON.stringify writes is read as JSON.parse reads it', () => {
  fc.assert(
    fc.property(fc.json(), (text) => {
      if (text.includes('__proto__')) return;
      // fc.json writes objects, so no key is there twice.
      assert.deepEqual(parseStrictJson(Buffer.from(text)), JSON.parse(text));
    }),
    { seed: 5, numRuns: 500 },
  );
});

/** JSON text that may have keys twice, in any spelling, and whatever looks like one. */
const jsonText = fc.letrec<{ value: string; object: string; list: string; leaf: string }>((tie) => {
  const blank = fc.constantFrom('', ' ', '\n\t');
  // Without a lone backslash: V8 14.6 reads the key `"\""` as `"\\"` after it has seen that one there.
  const text = fc.constantFrom('a', 'b', '__proto__', 'é', '"', '\\a', ':', '{"a":1}', '');
  const quoted = fc
    .tuple(text, fc.boolean())
    .map(([plain, escapes]) => (escapes ? escapeAll(plain) : JSON.stringify(plain)));
  const member = fc
    .tuple(quoted, blank, blank, tie('value'))
    .map(([key, before, after, value]) => `${key}${before}:${after}${value}`);
  return {
    leaf: fc.oneof(quoted, fc.constantFrom('1', 'null', '-1e3', '[]', '{}')),
    object: fc.array(member, { maxLength: 4 }).map((members) => `{${members.join(', ')}}`),
    list: fc.array(tie('value'), { maxLength: 3 }).map((items) => `[${items.join(' ,')}]`),
    value: fc.oneof({ maxDepth: 4 }, tie('leaf'), tie('object'), tie('list')),
  };
}).value;

function escapeAll(plain: string): string {
  const codes = Array.from({ length: plain.length }, (_, at) => plain.charCodeAt(at));
  return `"${codes.map((code) => `\\u${code.toString(16).padStart(4, '0')}`).join('')}"`;
}

test('counting keys finds whatever looking at each of them finds', () => {
  let refused = 0;
  fc.assert(
    fc.property(jsonText, (text) => {
      const fault = findBadKey(text);
      const parse = () => parseStrictJson(Buffer.from(text));
      if (fault === null) return assert.deepEqual(parse(), JSON.parse(text));
      refused += 1;
      assert.throws(parse, { statusCode: 400, message: fault });
    }),
    { seed: 6, numRuns: 3000 },
  );
  assert.ok(refused > 300 && refused < 2700, `${refused} of 3000 texts have a bad key`);
});

test('what is nested deeper than anything valid is refused, also a million levels', () => {
  const nested = (levels: number) => Buffer.from('['.repeat(levels) + ']'.repeat(levels));
  assert.ok(Array.isArray(parseStrictJson(nested(32))));
  for (const levels of [33, 1_000_000]) {
    assert.throws(() => parseStrictJson(nested(levels)), { message: /nested too deeply/ });
  }
  assert.throws(() => parseStrictJson(Buffer.from('{"a":'.repeat(40) + '1' + '}'.repeat(40))), {
    message: /nested too deeply/,
  });
});

test('a megabyte in one string, or in braces, is read in linear time', () => {
  const length = 1_000_000;
  assert.equal(String(parseStrictJson(Buffer.from(`"${'\\"'.repeat(length)}"`))).length, length);
  const nested = `[${'{},'.repeat(length)}{}]`;
  assert.equal((parseStrictJson(Buffer.from(nested)) as unknown[]).length, length + 1);
});
