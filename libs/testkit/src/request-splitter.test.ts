import assert from 'node:assert/strict';
import { test } from 'node:test';
import { splitRequest } from './request-splitter.ts';

const cases: readonly (readonly [name: string, request: string])[] = [
  ['no body', 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['content-length', 'POST / HTTP/1.1\r\ncontent-length:5\r\n\r\nhello'],
  ['chunked', 'POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n'],
  [
    'extensions and trailers',
    'POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\na;x=y\r\n0123456789\r\n0\r\nT: v\r\n\r\n',
  ],
];

for (const [name, text] of cases) {
  test(`${name}: the request ends exactly where it ends, wherever the bytes are cut`, () => {
    const next = 'GET /next HTTP/1.1\r\n\r\n';
    for (let length = 0; length < text.length; length++) {
      assert.equal(splitRequest(Buffer.from(text.slice(0, length), 'latin1')), null);
    }
    const request = splitRequest(Buffer.from(text + next, 'latin1'));
    assert.equal(request?.raw.toString('latin1'), text);
    assert.equal(`${request?.head}${request?.body.toString('latin1')}`, text);
  });
}
