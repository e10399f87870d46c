import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { ERRORS, type ErrorCode } from '@headgate/errors';
import { connectionLine, localReply, writeLocalReply } from './local-reply.ts';

const DATE = 'Date: Sat, 01 Jan 2000 00:00:00 GMT\r\n';
const CODES = Object.keys(ERRORS).filter((code) => !code.startsWith('HG_API_')) as ErrorCode[];

function split(text: string): [head: string[], body: string] {
  const end = text.indexOf('\r\n\r\n');
  return [text.slice(0, end).split('\r\n'), text.slice(end + 4)];
}

suite('local reply', () => {
  for (const code of CODES) {
    test(`${code} has a status line with a reason and a problem as its body`, () => {
      const [head, body] = split(writeLocalReply(localReply(code), 'id-1', DATE, '', true));
      const { status, title } = ERRORS[code];
      assert.match(head[0] ?? '', new RegExp(`^HTTP/1\\.1 ${status} [A-Z][A-Za-z -]+$`));
      assert.ok(head.includes(`Content-Length: ${Buffer.byteLength(body)}`));
      assert.ok(head.includes('Content-Type: application/problem+json'));
      const problem = {
        type: `urn:headgate:error:${code}`,
        title,
        status,
        code,
        requestId: 'id-1',
      };
      assert.deepEqual(JSON.parse(body), problem);
    });
  }

  test('the length is right whatever the length of the request id', () => {
    for (const id of ['a', 'a-long-one', 'b', '']) {
      const [head, body] = split(writeLocalReply(localReply('HG_INTERNAL'), id, DATE, '', true));
      assert.ok(head.includes(`Content-Length: ${Buffer.byteLength(body)}`), id);
      assert.equal((JSON.parse(body) as { requestId: string }).requestId, id);
    }
  });

  test('detail, headers, request id and Connection are in their places', () => {
    const reply = localReply(
      'HG_LIMIT_EXCEEDED',
      'Retry-After: 3\r\n',
      'The limit "a" is exceeded.',
    );
    const [head, body] = split(writeLocalReply(reply, 'x', DATE, 'Connection: close\r\n', true));
    assert.deepEqual(head.slice(4), [
      'X-Request-Id: x',
      DATE.trim(),
      'Retry-After: 3',
      'Connection: close',
    ]);
    assert.equal((JSON.parse(body) as { detail: string }).detail, reply.detail);
  });

  test('replies with the same detail share their text, those of 1,000 details are what they say', () => {
    const first = localReply(
      'HG_LIMIT_EXCEEDED',
      'Retry-After: 1\r\n',
      'The limit "b" is exceeded.',
    );
    const again = localReply(
      'HG_LIMIT_EXCEEDED',
      'Retry-After: 2\r\n',
      'The limit "b" is exceeded.',
    );
    assert.equal(first.template, again.template);
    assert.deepEqual([first.headers, again.headers], ['Retry-After: 1\r\n', 'Retry-After: 2\r\n']);
    for (let count = 0; count < 1000; count += 1) {
      const reply = localReply('HG_LIMIT_EXCEEDED', '', `detail ${count}`);
      const [, body] = split(writeLocalReply(reply, 'x', DATE, '', true));
      assert.equal((JSON.parse(body) as { detail: string }).detail, `detail ${count}`);
    }
  });

  test('however many details there were, a new one is kept, too', () => {
    const textOf = (detail: string) => localReply('HG_LIMIT_EXCEEDED', '', detail).template;
    const first = textOf('name 0');
    for (let count = 1; count <= 2000; count += 1) {
      const text = textOf(`name ${count}`);
      assert.equal(textOf(`name ${count}`), text);
      assert.equal(textOf(`name ${Math.max(0, count - 500)}`) === first, count <= 500);
    }
    assert.notEqual(textOf('name 0'), first, 'the oldest made room');
    assert.equal(textOf('name 0'), textOf('name 0'));
  });

  test('what the last reply had in common with others is kept, nothing else', () => {
    const date = (second: number) => `Date: Sun, 22 Nov 2026 00:00:0${second} GMT\r\n`;
    const close = 'Connection: close\r\n';
    const [one, two] = ['Retry-After: 1\r\n', 'Retry-After: 2\r\n'];
    for (const [headers, second, connection] of [
      ...[[one, 1, ''] as const, [one, 1, ''] as const, [one, 1, ''] as const],
      ...[[one, 2, ''] as const, [two, 2, ''] as const, [two, 2, close] as const],
      ...[[two, 2, close] as const, [one, 1, ''] as const, [one, 1, ''] as const],
    ]) {
      const reply = localReply('HG_LIMIT_EXCEEDED', headers, 'kept');
      for (const id of ['a', 'b']) {
        const text = writeLocalReply(reply, id, date(second), connection, true);
        const [, body] = split(text);
        const lines = `X-Request-Id: ${id}\r\n${date(second)}${headers}${connection}`;
        assert.ok(text.includes(`\r\n${lines}\r\n{`), text);
        assert.equal((JSON.parse(body) as { requestId: string }).requestId, id);
      }
    }
  });

  test('an answer to HEAD announces the body only', () => {
    const whole = writeLocalReply(localReply('HG_TENANT_UNKNOWN'), 'x', DATE, '', true);
    const head = writeLocalReply(localReply('HG_TENANT_UNKNOWN'), 'x', DATE, '', false);
    assert.equal(head, whole.slice(0, whole.indexOf('\r\n\r\n') + 4));
  });

  test('plain replies are one object per code', () => {
    assert.equal(localReply('HG_INTERNAL'), localReply('HG_INTERNAL'));
  });

  test('Connection is written where the default of the version says otherwise', () => {
    assert.equal(connectionLine(true, 1), '');
    assert.equal(connectionLine(false, 1), 'Connection: close\r\n');
    assert.equal(connectionLine(true, 0), 'Connection: keep-alive\r\n');
    assert.equal(connectionLine(false, 0), 'Connection: close\r\n');
  });
});
