import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RequestParser, type RequestHead } from '@headgate/http1';
import { refuseAmbiguousPath } from './ambiguous-path.ts';

function headOf(path: string): RequestHead {
  const parser = new RequestParser();
  const bytes = Buffer.from(`GET ${path} HTTP/1.1\r\nHost: a.test\r\n\r\n`, 'latin1');
  assert.ok(parser.parse(bytes, 0, bytes.length) > 0, parser.fault?.code ?? '');
  return parser.head;
}

/** Where paths lead to: `/admin`, what is below it, and all the rest. */
const find = (path: string): string =>
  path === '/admin' || path.startsWith('/admin/') ? 'admin' : 'rest';

test('a path that may lead elsewhere once it is decoded, cut or rid of parameters is refused', () => {
  const cases: readonly (readonly [string, 'passes' | 'refused'])[] = [
    ['/admin', 'passes'],
    ['/admin?x', 'passes'],
    ['/admin/a%3Fb', 'passes'],
    ['/a%3Fadmin', 'passes'],
    ['/a%23b/c', 'passes'],
    ['/a%253Fb', 'passes'],
    ['/admin%253Fx', 'passes'],
    ['/admin%3Fx', 'refused'],
    ['/admin%3fx', 'refused'],
    ['/admin%23x', 'refused'],
    ['/admin%3F', 'refused'],
    ['/admin%23/x', 'refused'],
    ['/admin%3F%23', 'refused'],
    ['/%61dmin%3Fx', 'refused'],
    ['/admin;a%3Fx', 'refused'],
    ['/admin%3Bx%23', 'refused'],
    ['/;a/admin%3Fx', 'refused'],
    ['/a/..%3Fx', 'refused'],
    ['/a/.%23', 'refused'],
    ['/admin/b/..%23/c', 'refused'],
    ['/a/...%3Fx', 'passes'],
  ];
  for (const [path, expected] of cases) {
    const head = headOf(path);
    const refusal = refuseAmbiguousPath(head, find, find(head.path));
    assert.equal(refusal === null ? 'passes' : 'refused', expected, path);
    assert.equal(refusal?.status ?? 400, 400);
    assert.equal(head.persistent, refusal === null, path);
  }
});

test('a path that ends at an escaped question mark for nobody but the edge may be the root', () => {
  const root = (path: string): string | null => (path === '/' ? 'root' : null);
  assert.equal(refuseAmbiguousPath(headOf('/%3Fx'), root, null)?.status, 400);
  assert.equal(refuseAmbiguousPath(headOf('/x%3Fx'), root, null), null, 'no route: no dodge');
});
