import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createComponentSpecs, type ClusterSettings } from './components.ts';
import { clusterPorts } from './ports.ts';

const settings: ClusterSettings = {
  root: '/work',
  node: '/bin/node',
  dataDirectory: '/data',
  ports: clusterPorts(9000, 2, true),
  adminToken: 'secret-token-of-the-test',
  secretsKey: 'secret-key-of-the-test',
};
const stages = createComponentSpecs(settings);
const specs = new Map(stages.flat().map((spec) => [spec.name, spec]));

test('what others need starts first', () => {
  assert.deepEqual(
    stages.map((stage) => stage.map((spec) => spec.name)),
    [
      ['redis-server', 'nats-server', 'demo-1', 'demo-2', 'demo-3'],
      ['config-service'],
      ['health-service', 'edge-1', 'edge-2'],
    ],
  );
});

test('each edge has its own name, admin port and folder, and shares the gateway port', () => {
  const edge = specs.get('edge-2');
  assert.deepEqual(edge?.args, ['/work/services/edge/src/main.ts']);
  assert.deepEqual(edge.env, {
    HEADGATE_NODE_ID: 'edge-2',
    HEADGATE_NATS_URL: 'nats://127.0.0.1:9031',
    HEADGATE_NATS_USER: '',
    HEADGATE_NATS_PASSWORD: '',
    HEADGATE_ADMIN_LISTEN: '127.0.0.1:9022',
    HEADGATE_DATA_DIR: '/data/edge-2',
    HEADGATE_EDGE_LISTEN: '127.0.0.1:9000',
    HEADGATE_EDGE_TLS_LISTEN: '127.0.0.1:9050',
    HEADGATE_SECRETS_KEY: 'secret-key-of-the-test',
    HEADGATE_EDGE_WORKERS: '1',
    HEADGATE_EDGE_DRAIN_MS: '2000',
    HEADGATE_EDGE_TRUSTED_PROXIES: '127.0.0.1/32',
    HEADGATE_ENDPOINT_ADDRESSES_ALLOWED: '127.0.0.0/8,::1',
    HEADGATE_REDIS_URL: 'redis://127.0.0.1:9030',
  });
});

test('only the config-service gets the admin token, and its own store', () => {
  const config = specs.get('config-service');
  assert.equal(config?.env['HEADGATE_ADMIN_TOKEN'], settings.adminToken);
  assert.equal(config.env['HEADGATE_CONFIG_LISTEN'], '127.0.0.1:9010');
  assert.equal(config.env['HEADGATE_DATABASE_URL'], '');
  assert.equal(config.env['HEADGATE_DATA_DIR'], '/data/config');
  assert.equal(config.env['HEADGATE_ENDPOINT_ADDRESSES_ALLOWED'], '127.0.0.0/8,::1');
  for (const [name, spec] of specs) {
    const shown = JSON.stringify([spec.args, name === 'config-service' ? null : spec.env]);
    assert.ok(!shown.includes(settings.adminToken), `${name} must not see the token`);
    const keyed = Object.hasOwn(spec.env, 'HEADGATE_SECRETS_KEY');
    assert.equal(keyed, name === 'config-service' || name.startsWith('edge-'), name);
  }
});

test('all data lies in the data folder', () => {
  assert.ok(specs.get('redis-server')?.args.join(' ').includes('--dir /data'));
  assert.ok(specs.get('nats-server')?.args.join(' ').includes('--store_dir /data/nats'));
});
