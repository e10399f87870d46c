import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { linesOf } from '../../test/refusal-lines.ts';
import { placesIn, translateKongText as translate } from '../../test/translate-kong.ts';

const KONG = `_format_version: "3.0"
services:
- name: Orders API
  host: orders-upstream
  retries: 5
  connect_timeout: 2000
  read_timeout: 30000
  plugins:
  - name: rate-limiting
    config: { minute: 100, limit_by: ip, policy: redis }
  routes:
  - name: orders
    hosts: [API.shop.example]
    paths: [/orders/, /v2/orders/]
    methods: [GET, POST]
    plugins:
    - { name: key-auth, config: { key_names: [apikey] } }
- name: pages
  url: http://10.0.0.9:8080
routes:
- name: pages
  service: { name: pages }
  hosts: ['*.shop.example']
  strip_path: false
upstreams:
- name: orders-upstream
  algorithm: least-connections
  targets:
  - { target: 10.0.0.1:9000, weight: 100 }
  - { target: '[2001:db8::1]:9000', weight: 50 }
  - { target: 10.0.0.3:9000, weight: 0 }
  healthchecks:
    active: { type: http, http_path: /healthz, timeout: 2, healthy: { interval: 5, successes: 3 } }
consumers:
- username: Alice
  keyauth_credentials: [{ key: alices-key }]
  plugins:
  - { name: rate-limiting, config: { second: 5, month: 1000 } }
plugins:
- { name: rate-limiting, config: { hour: 10000, limit_by: service } }
`;

test('services, upstreams, routes and keys become a tenant that passes every check', () => {
  const { tenant, told } = translate(KONG);
  assert.deepEqual(tenant.identity.hosts, ['api.shop.example', '*.shop.example']);
  const upstreams = new Map<string, (typeof tenant.upstreams)[keyof typeof tenant.upstreams]>(
    Object.entries(tenant.upstreams),
  );
  const orders = upstreams.get('orders-api');
  assert.deepEqual(orders?.endpoints, [
    { host: '10.0.0.1', port: 9000, weight: 100 },
    { host: '2001:db8::1', port: 9000, weight: 50 },
  ]);
  assert.deepEqual(
    [orders?.picker, orders?.connectTimeoutMs, orders?.healthCheck?.intervalMs],
    ['least_request', 2000, 5000],
  );
  assert.deepEqual(upstreams.get('pages')?.endpoints, [
    { host: '10.0.0.9', port: 8080, weight: 1 },
  ]);
  const routes = Object.entries(tenant.routes).map(
    ([id, { match, auth, stripPrefix, retries }]) => [
      ...[id, JSON.stringify(match.path), auth, stripPrefix, retries],
    ],
  );
  assert.deepEqual(routes, [
    ['orders', '{"prefix":"/orders/"}', 'api_key', true, 3],
    ['orders-2', '{"prefix":"/v2/orders/"}', 'api_key', true, 3],
    ['pages', '{"prefix":"/"}', 'none', false, 1],
  ]);
  assert.match(told, /^Translated, and not quite the same:\n/);
  assert.match(told, /kong\.yaml:\d+:\d+ {2}services\[0\]\.routes\[0\]\.plugins\[0\]\n.*X-API-Key/);
});

test('limits stand where the plugin stood, and a key is known by its hash alone', () => {
  const { tenant } = translate(KONG);
  const [orders] = Object.values(tenant.routes);
  const of = (limits: readonly { name: string; limit: number; per?: string | undefined }[]) =>
    limits.map(({ name, limit, per }) => `${name} ${limit} ${per ?? 'all'}`);
  assert.deepEqual(of(tenant.limits), ['kong-hour 10000 all']);
  assert.deepEqual(of(orders?.limits ?? []), ['kong-minute 100 client-ip']);
  const [[id, key] = []] = Object.entries(tenant.apiKeys);
  assert.deepEqual([id, key?.name], ['alice', 'Alice']);
  assert.equal(key?.sha256, createHash('sha256').update('alices-key').digest('hex'));
  assert.deepEqual(of(key?.limits ?? []), ['kong-second 5 all', 'kong-month 1000 all']);
});

test('what cannot be translated is named with its place, and refuses the file unless it is accepted', () => {
  const lossy = `_format_version: "3.0"
services:
- name: a
  url: https://secure.example
- name: b
  url: http://10.0.0.1
  routes:
  - { name: regex, hosts: [b.example], paths: ['~/x\\d+', /y/] }
  - { name: header, hosts: [b.example], headers: { x-beta: ['1'] } }
  plugins: [{ name: cors }, { name: rate-limiting, config: { minute: 5, limit_by: header } }]
- name: c
  url: http://10.0.0.1/base
consumers:
- { username: bob, keyauth_credentials: [{ key: '{vault://env/bob}' }], jwt_secrets: [{ key: k }] }
certificates: [{ cert: x }]
`;
  const lines = linesOf(() => translate(lossy));
  assert.equal(lines[0], 'kong.yaml cannot be translated as a whole: 9 faults');
  assert.deepEqual(placesIn(lines).sort(), [
    'certificates',
    'consumers[0].jwt_secrets',
    'consumers[0].keyauth_credentials[0]',
    'services[0].protocol',
    'services[1].plugins[0]',
    'services[1].plugins[1].config.limit_by',
    'services[1].routes[0].paths',
    'services[1].routes[1].headers',
    'services[2].path',
  ]);
  assert.equal(lines.at(-1), 'To go on without that: --accept-losses');
  const { tenant, told } = translate(lossy, true);
  assert.match(told, /^Left out:\n/m);
  assert.deepEqual(Object.keys(tenant.routes), ['regex']);
  assert.deepEqual(Object.keys(tenant.upstreams), ['b']);
  assert.deepEqual(Object.keys(tenant.apiKeys), []);
});

test('an upstream may have no checks', () => {
  const { tenant } = translate(KONG.replace(/ {2}healthchecks:\n.*\n/, ''));
  const [orders] = Object.values(tenant.upstreams);
  assert.deepEqual([orders?.picker, orders?.healthCheck], ['least_request', undefined]);
});

test('what is no file of Kong, or holds no host, is refused', () => {
  assert.match(
    linesOf(() => translate('apiVersion: headgate/v1'))[0] ?? '',
    /not a declarative file of Kong/,
  );
  const lines = linesOf(() => translate('_format_version: "3.0"\nservices: []\n'));
  assert.ok(lines.some((line) => line.includes('no route names a host')));
});
