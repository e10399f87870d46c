import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StoreFailure } from '@headgate/limiting';
import { isNoScript, readFailure } from './store-failures.ts';

function replyError(message: string): Error {
  return Object.assign(new Error(message), { name: 'ReplyError' });
}

test('every way in which Redis refuses is a failure of the store, never a verdict', () => {
  for (const [message, kind, needsReconnect] of [
    ['LOADING Redis is loading the dataset in memory', 'refused', false],
    ["READONLY You can't write against a read only replica.", 'refused', true],
    ['MOVED 3999 127.0.0.1:6381', 'refused', true],
    ['ASK 3999 127.0.0.1:6381', 'refused', true],
    ['CLUSTERDOWN The cluster is down', 'refused', true],
    ['TRYAGAIN Multiple keys request during rehashing of slot', 'refused', false],
    ['MASTERDOWN Link with MASTER is down', 'refused', true],
    ["OOM command not allowed when used memory > 'maxmemory'.", 'refused', false],
    ['BUSY Redis is busy running a script.', 'refused', false],
    ['MISCONF Redis is configured to save RDB snapshots', 'refused', false],
    ['NOREPLICAS Not enough good replicas to write.', 'refused', false],
    ['NOAUTH Authentication required.', 'refused', true],
    ['NOPERM this user has no permissions', 'refused', false],
    ['ERR Error running script (call to f_669a): -OOM command not allowed', 'refused', false],
    ['ERR unknown command', 'protocol', false],
    ['something else', 'protocol', false],
  ] as const) {
    const read = readFailure(replyError(message));
    assert.ok(read.failure instanceof StoreFailure);
    assert.deepEqual([read.failure.kind, read.needsReconnect], [kind, needsReconnect], message);
  }
  assert.equal(readFailure(new Error('Connection is closed.')).failure.kind, 'connection');
  const timeout = new StoreFailure('timeout', 'no answer');
  assert.equal(readFailure(timeout).failure, timeout);
});

test('only NOSCRIPT proves that a call was not executed', () => {
  assert.ok(isNoScript(replyError('NOSCRIPT No matching script. Please use EVAL.')));
  assert.ok(!isNoScript(replyError('ERR NOSCRIPT')));
  assert.ok(!isNoScript(new Error('NOSCRIPT')));
});
