import assert from 'node:assert/strict';
import { test } from 'node:test';
import { linesOf } from '../../test/refusal-lines.ts';
import { placesIn, translateKongText } from '../../test/translate-kong.ts';

// What is left out with --accept-losses must open nothing: no route that takes more requests than it did, no key for
// more clients, no limit for others than it was for.

const HOST = { hosts: ['shop.example'] };
const A = { id: '7f0a', name: 'a', url: 'http://10.0.0.1', routes: [{ name: 'a', ...HOST }] };
const B = { name: 'b', url: 'http://10.0.0.2', routes: [{ name: 'b', ...HOST, paths: ['/b/'] }] };
const VIP = { id: '3c1d', username: 'vip', keyauth_credentials: [{ key: 'vips-key' }] };

/** What is lost of a file, and what its tenant has if that is accepted. */
function translate(parts: object) {
  const text = JSON.stringify({ _format_version: '3.0', services: [A, B], ...parts });
  const { tenant, told } = translateKongText(text, true);
  const [, lost = ''] = told.split(/^Left out:$/m);
  const losses = placesIn(lost.split('\n'));
  if (losses.length > 0) {
    const refused = linesOf(() => translateKongText(text));
    assert.match(refused[0] ?? '', new RegExp(`as a whole: ${losses.length} fault`));
  }
  const routes = Object.entries(tenant.routes).map(([id, { auth }]) => `${id} ${auth}`);
  return { losses, lost, routes, keys: Object.keys(tenant.apiKeys), tenant };
}

test('a route is left out if a plugin that is not translated may decide what passes', () => {
  const names = ['jwt', 'acl', 'ip-restriction', 'basic-auth', 'request-termination', 'our-own'];
  for (const name of names) {
    const onService = translate({ services: [{ ...A, plugins: [{ name }] }, B] });
    assert.deepEqual(onService.routes, ['b none'], name);
    assert.deepEqual(onService.losses, ['services[0].plugins[0]']);
    assert.match(onService.lost, /may decide what passes: the routes under it are left out/);
  }
  const onRoute = { ...A, routes: [{ name: 'a', ...HOST, plugins: [{ name: 'jwt' }] }] };
  assert.deepEqual(translate({ services: [onRoute, B] }).routes, ['b none']);
  assert.deepEqual(translate({ plugins: [{ name: 'jwt', service: 'a' }] }).routes, ['b none']);
  const unused = [{ name: 'jwt', enabled: false }, { name: 'prometheus' }, { name: 'cors' }];
  assert.deepEqual(translate({ plugins: unused }).routes, ['a none', 'b none']);
});

test('a plugin for everything or for a group of consumers guards all routes, that of a consumer its keys', () => {
  const services = [A, { ...B, enabled: false }];
  const spare = { username: 'spare', keyauth_credentials: [{ key: 'spares-key' }] };
  const blocked = { ...VIP, plugins: [{ name: 'request-termination' }] };
  const ofConsumer = translate({ services, consumers: [blocked, spare] });
  assert.deepEqual([ofConsumer.routes, ofConsumer.keys], [['a none'], ['spare']]);
  assert.deepEqual(ofConsumer.losses, ['consumers[0].plugins[0]']);
  for (const parts of [
    { plugins: [{ name: 'ip-restriction' }] },
    { plugins: [{ name: 'ip-restriction', consumer_group: 'partners' }] },
    { consumer_groups: [{ name: 'partners', plugins: [{ name: 'ip-restriction' }] }] },
  ]) {
    const text = JSON.stringify({ _format_version: '3.0', services, ...parts });
    const lines = linesOf(() => translateKongText(text));
    assert.ok(lines.some((line) => line.includes('the routes under it are left out')));
    assert.ok(
      lines.some((line) => line.includes('no route names a host')),
      'none is left',
    );
  }
});

test('no wider route takes what a protected one took that is left out', () => {
  const open = { name: 'open', ...HOST };
  const of = (admin: object, wide: object = open) =>
    translate({ services: [{ ...A, routes: [wide, { name: 'admin', ...HOST, ...admin }] }, B] });
  const jwt = { plugins: [{ name: 'jwt' }] };
  const key = { plugins: [{ name: 'key-auth' }] };
  const guarded = of({ paths: ['/admin'], ...jwt });
  assert.deepEqual(guarded.routes, ['b none']);
  assert.deepEqual(guarded.losses.sort(), [
    'services[0].routes[0]',
    'services[0].routes[1].plugins[0]',
  ]);
  assert.deepEqual(of({ expression: 'http.path ^= "/admin"', ...key }).routes, ['b none']);
  assert.deepEqual(of({ paths: ['~/admin$'], ...key }).routes, ['b none']);
  const inPart = of({ paths: ['~/admin$', '/orders/'], ...key });
  assert.deepEqual(inPart.routes, ['admin api_key', 'b none']);
  const kept = ['open none', 'b none'];
  assert.deepEqual(of({ paths: ['/admin'], ...jwt }, { ...open, paths: ['/shop/'] }).routes, kept);
  assert.deepEqual(of({ hosts: ['admin.example'], ...jwt }).routes, kept);
  assert.deepEqual(of({ methods: ['PUT'], ...jwt }, { ...open, methods: ['GET'] }).routes, kept);
  assert.deepEqual(of({ paths: ['~/pages$'] }).routes, kept, 'nothing was asked there');
});

test('a route of an expression is left out, as its paths and hosts say nothing', () => {
  const routes = [{ name: 'admin', expression: 'http.path ^= "/admin"', priority: 1 }];
  const { routes: left, losses } = translate({ services: [{ ...A, routes }, B] });
  assert.deepEqual(left, ['b none']);
  assert.deepEqual(losses, ['services[0].routes[0].expression']);
});

test('entities are found by their ids and by their names, as a text or in an object', () => {
  for (const service of ['7f0a', 'a', { id: '7f0a' }, { name: 'a' }, { id: '7f0a', name: 'a' }]) {
    const { routes, losses } = translate({ plugins: [{ name: 'key-auth', service }] });
    assert.deepEqual([routes, losses], [['a api_key', 'b none'], []], JSON.stringify(service));
  }
  const beside = { name: 'c', service: { id: '7f0a' }, hosts: ['c.example'] };
  assert.ok(translate({ routes: [beside] }).routes.includes('c none'));
  const [credential] = VIP.keyauth_credentials;
  const consumers = [{ id: VIP.id, username: 'vip' }];
  const keyauth_credentials = [{ ...credential, consumer: { id: VIP.id } }];
  assert.deepEqual(translate({ consumers, keyauth_credentials }).keys, ['vip']);
});

test('what names an entity that the file does not hold is told, and is for nothing', () => {
  const { losses, routes, keys, tenant } = translate({
    plugins: [
      { name: 'key-auth', service: 'gone' },
      { name: 'rate-limiting', route: { id: '99' }, config: { minute: 5 } },
      { name: 'rate-limiting', consumer: {}, config: { minute: 5 } },
      { name: 'key-auth', service: 'gone', enabled: false },
    ],
    keyauth_credentials: [{ key: 'k', consumer: 'gone' }, { key: 'l' }],
  });
  assert.deepEqual(losses, [
    ...['plugins[0].service', 'plugins[1].route', 'plugins[2].consumer'],
    ...['keyauth_credentials[0]', 'keyauth_credentials[1]'],
  ]);
  assert.deepEqual([routes, keys, tenant.limits], [['a none', 'b none'], [], []]);
});

test('a limit for some consumers at one place becomes a limit of neither', () => {
  const limit = (minute: number, place: object) => ({
    ...{ name: 'rate-limiting', config: { minute, limit_by: 'service' } },
    ...place,
  });
  const plugins = [
    limit(100, { service: 'a' }),
    limit(100_000, { service: 'a', consumer: 'vip' }),
    limit(7, { consumer_group: 'partners' }),
  ];
  const { tenant, losses } = translate({ plugins, consumers: [VIP] });
  const minutes = Object.values(tenant.routes).map(({ limits }) => limits.map((one) => one.limit));
  assert.deepEqual(minutes, [[100], []]);
  assert.deepEqual(tenant.limits, []);
  assert.deepEqual(
    Object.values(tenant.apiKeys).map((key) => key.limits),
    [[]],
  );
  assert.deepEqual(losses.sort(), ['plugins[1]', 'plugins[2]']);
});

test('a key that lies elsewhere, or expires by itself, is left out', () => {
  const credentials = ['{vault://env/key}', '${{ env "DECK_KEY" }}', 'prefix-${{env "DECK_KEY"}}'];
  const consumers = [
    { username: 'bob', keyauth_credentials: credentials.map((key) => ({ key })) },
    { username: 'eve', keyauth_credentials: [{ key: 'k', ttl: 3600 }] },
    { username: 'zoe', keyauth_credentials: [{ key: 'l', ttl: 0 }] },
  ];
  const { losses, lost, keys } = translate({ consumers });
  assert.deepEqual(keys, ['zoe']);
  assert.deepEqual(losses, [
    ...credentials.map((_, index) => `consumers[0].keyauth_credentials[${index}]`),
    'consumers[1].keyauth_credentials[0].ttl',
  ]);
  assert.doesNotMatch(lost, /DECK_KEY/);
});

test('a service that puts a path before that of requests is left out: without it more would be reached', () => {
  const services = [{ ...A, url: 'http://10.0.0.1/public' }, B];
  const { routes, losses, tenant } = translate({ services });
  assert.deepEqual([routes, losses], [['b none'], ['services[0].path']]);
  assert.deepEqual(Object.keys(tenant.upstreams), ['b']);
});

test('a limit that is no number, or lies elsewhere in the file, is told', () => {
  const of = (plugin: object) => translate({ plugins: [{ name: 'rate-limiting', ...plugin }] });
  const written = of({ config: { minute: '100', year: '9', second: 5, limit_by: 'service' } });
  assert.deepEqual(written.losses, ['plugins[0].config.minute', 'plugins[0].config.year']);
  assert.deepEqual(
    written.tenant.limits.map(({ name }) => name),
    ['kong-second'],
  );
  assert.deepEqual(of({ _config: 'shared' }).losses, ['plugins[0]._config', 'plugins[0]']);
  assert.deepEqual(of({ config: { limit_by: 'ip' } }).losses, ['plugins[0]']);
});

test('that a route is for HTTPS alone is told', () => {
  const routes = [{ name: 'a', ...HOST, protocols: ['https'] }];
  const { routes: left, losses } = translate({ services: [{ ...A, routes }] });
  assert.deepEqual([left, losses], [['a none'], ['services[0].routes[0].protocols']]);
});
