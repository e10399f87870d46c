import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bundledPath, packageClosure } from '../docker/package-closure.ts';

const LOCKED = {
  'node_modules/a': { dependencies: { b: '1', c: '1' }, optionalDependencies: { missing: '1' } },
  'node_modules/a/node_modules/c': {},
  'node_modules/b': {
    peerDependencies: { d: '1', e: '1' },
    peerDependenciesMeta: { e: { optional: true } },
  },
  'node_modules/c': {},
  'node_modules/d': { dependencies: { a: '1' } },
  'services/x/node_modules/c': {},
};

test('the closure finds packages where Node finds them, nested ones first, and survives circles', () => {
  const closure = packageClosure(LOCKED, [{ name: 'a', from: 'services/x/src' }]);
  assert.deepEqual([...closure].sort(), [
    'node_modules/a',
    'node_modules/a/node_modules/c',
    'node_modules/b',
    'node_modules/d',
  ]);
});

test('a package of a workspace wins over the one at the top, and moves to the top of the bundle', () => {
  const [path = ''] = packageClosure(LOCKED, [{ name: 'c', from: 'services/x/src/deep' }]);
  assert.equal(path, 'services/x/node_modules/c');
  assert.equal(bundledPath(path), 'node_modules/c');
  assert.equal(bundledPath('node_modules/a/node_modules/c'), 'node_modules/a/node_modules/c');
});

test('a package that is not locked is an error that names who needs it', () => {
  assert.throws(() => packageClosure(LOCKED, [{ name: 'z', from: 'libs/bus/src' }]), {
    message: 'z, which libs/bus/src needs, is not in package-lock.json',
  });
});
