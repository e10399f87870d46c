import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EnvironmentError, StartError } from './index.ts';

test('the message joins the reasons of nested and of several causes', () => {
  const refused = new Error('connection failed', { cause: new Error('ECONNREFUSED') });
  const both = new AggregateError([refused, 'timed out'], '');
  const error = StartError.from('cannot open the database', both);
  assert.equal(
    error.message,
    'cannot open the database: connection failed: ECONNREFUSED; timed out',
  );
  assert.equal(error.cause, both);
});

test('a port in use is said in plain words, other causes in their own', () => {
  const address = { host: '127.0.0.1', port: 80 };
  const inUse = Object.assign(new Error('listen EADDRINUSE'), { code: 'EADDRINUSE' });
  const denied = Object.assign(new Error('listen EACCES'), { code: 'EACCES' });
  assert.equal(
    StartError.listening('the admin server', address, inUse).message,
    'cannot listen on 127.0.0.1:80 for the admin server: the port is in use',
  );
  assert.match(StartError.listening('the API', address, denied).message, /the API: listen EACCES$/);
});

test('a bad environment is a fault at start like any other', () => {
  const error = new EnvironmentError(['HEADGATE_X: must be set']);
  assert.ok(error instanceof StartError);
  assert.equal(error.name, 'EnvironmentError');
});
