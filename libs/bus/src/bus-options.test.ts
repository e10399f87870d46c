import assert from 'node:assert/strict';
import { test } from 'node:test';
import { busOptionsOf } from './bus-options.ts';

const settings = { nodeId: 'edge-1', natsServers: ['nats://a:4222', 'nats://b:4222'] };
const silent = () => undefined;

test('a service connects as its node, with credentials only if it has any', () => {
  const lines: object[] = [];
  const logger = {
    debug: silent,
    info: (fields: object) => lines.push(fields),
    warn: silent,
    error: silent,
  };
  const open = { ...settings, natsUser: undefined, natsPassword: undefined };
  const { onEvent, ...options } = busOptionsOf(open, logger);
  assert.deepEqual(options, { servers: settings.natsServers, name: 'edge-1' });
  onEvent?.({ type: 'connected', server: 'a:4222' });
  assert.deepEqual(lines, [{ server: 'a:4222' }]);

  const closed = busOptionsOf({ ...settings, natsUser: 'hg', natsPassword: 'pw' }, logger);
  assert.equal(closed.user, 'hg');
  assert.equal(closed.password, 'pw');
});
