import assert from 'node:assert/strict';
import { lookup } from 'node:dns';
import { test } from 'node:test';
import { createGuardedLookup, type ResolveAll, type ResolvedAddress } from './guarded-lookup.ts';
import { createNameCache, type NameCacheOptions } from './name-cache.ts';

const UNKNOWN = Object.assign(new Error('unknown'), { code: 'ENOTFOUND', syscall: 'getaddrinfo' });

const v4 = (...addresses: string[]): ResolvedAddress[] =>
  addresses.map((address) => ({ address, family: 4 }));

type Outcome = string | readonly ResolvedAddress[];

/** A clock that moves when the test says so, and timers that fire as it moves. */
function createTime() {
  let nowMs = 0;
  const timers = new Set<{ readonly dueMs: number; readonly callback: () => void }>();
  const clock = {
    nowMs: () => nowMs,
    monotonicMs: () => nowMs,
    advance(ms: number) {
      nowMs += ms;
      for (const timer of timers) {
        if (timer.dueMs <= nowMs && timers.delete(timer)) timer.callback();
      }
    },
  };
  const schedule = (callback: () => void, delayMs: number) => {
    const timer = { dueMs: nowMs + delayMs, callback };
    timers.add(timer);
    return () => void timers.delete(timer);
  };
  return { clock, schedule };
}

/** A cache over a server of names that answers when the test says so. */
function openCache(options: Partial<NameCacheOptions> = {}) {
  const { clock, schedule } = createTime();
  const lookups: { name: string; done: Parameters<ResolveAll>[2] }[] = [];
  const cached = createNameCache(
    {
      resolve: (name, _options, done) => void lookups.push({ name, done }),
      clock,
      schedule,
    },
    options,
  );
  return {
    clock,
    /** Names that are being looked up, in the order in which they were asked for. */
    asked: () => lookups.map(({ name }) => name),
    answer: (name: string, outcome: Error | ResolvedAddress[]) => {
      const index = lookups.findIndex((each) => each.name === name);
      const [found] = lookups.splice(index, 1);
      assert.ok(found !== undefined && index >= 0, `${name} is being looked up`);
      if (outcome instanceof Error) found.done(outcome, []);
      else found.done(null, outcome);
    },
    /** What a use of the name gets: addresses, or the code of an error. */
    use: (name: string) =>
      new Promise<Outcome>((resolve) => {
        cached(name, { all: true }, (error, addresses) =>
          resolve(error === null ? addresses : String(error.code)),
        );
      }),
  };
}

/** A cache that knows `a.example` as 10.0.0.1 since now. */
async function openKnowing(options: Partial<NameCacheOptions> = {}) {
  const cache = openCache(options);
  const first = cache.use('a.example');
  cache.answer('a.example', v4('10.0.0.1'));
  assert.deepEqual(await first, v4('10.0.0.1'));
  return cache;
}

test('requests for one name share a lookup, and its answer for 5 s', async () => {
  const { clock, asked, answer, use } = openCache();
  const uses = [use('a.example'), use('a.example'), use('a.example')];
  assert.deepEqual(asked(), ['a.example']);
  answer('a.example', v4('10.0.0.1'));
  for (const outcome of await Promise.all(uses)) assert.deepEqual(outcome, v4('10.0.0.1'));
  clock.advance(5000);
  assert.deepEqual(await use('a.example'), v4('10.0.0.1'));
  assert.deepEqual(asked(), []);
});

test('an answer of some age is given at once and renewed behind it', async () => {
  const { clock, asked, answer, use } = await openKnowing();
  clock.advance(5001);
  assert.deepEqual(await use('a.example'), v4('10.0.0.1'));
  assert.deepEqual(await use('a.example'), v4('10.0.0.1'));
  assert.deepEqual(asked(), ['a.example']);
  answer('a.example', v4('10.0.0.2'));
  assert.deepEqual(await use('a.example'), v4('10.0.0.2'));
});

test('an answer of more than 10 s is renewed before it is used', async () => {
  const { clock, answer, use } = await openKnowing();
  clock.advance(10_001);
  const next = use('a.example');
  answer('a.example', v4('10.0.0.2'));
  assert.deepEqual(await next, v4('10.0.0.2'));
});

for (const [what, outcome] of [
  ['fails', UNKNOWN],
  ['answers nothing', []],
] as const) {
  test(`while DNS ${what}, a name keeps its last good addresses for 10 min, and is asked for once a second`, async () => {
    const { clock, asked, answer, use } = await openKnowing();
    clock.advance(11_000);
    for (let second = 11; second < 600; second += 1) {
      const next = use('a.example');
      answer('a.example', outcome instanceof Error ? outcome : []);
      assert.deepEqual(await next, v4('10.0.0.1'));
      assert.deepEqual(await use('a.example'), v4('10.0.0.1'));
      assert.deepEqual(asked(), []);
      clock.advance(1000);
    }
    clock.advance(1);
    const late = use('a.example');
    answer('a.example', outcome instanceof Error ? outcome : []);
    assert.equal(await late, 'ENOTFOUND');
    clock.advance(1000);
    const after = use('a.example');
    answer('a.example', v4('10.0.0.3'));
    assert.deepEqual(await after, v4('10.0.0.3'));
  });
}

test('a lookup that hangs is waited for once, and short where there is a last good answer', async () => {
  const { clock, asked, answer, use } = await openKnowing();
  clock.advance(60_000);
  const patient = use('a.example');
  clock.advance(250);
  assert.deepEqual(await patient, v4('10.0.0.1'));
  assert.deepEqual(await use('a.example'), v4('10.0.0.1'));
  assert.deepEqual(asked(), ['a.example']);
  answer('a.example', v4('10.0.0.2'));
  assert.deepEqual(await use('a.example'), v4('10.0.0.2'));
});

test('a name that hangs and was never resolved fails at its deadline, then at once, and is left alone for 30 s', async () => {
  const { clock, asked, answer, use } = openCache();
  const first = use('hung.example');
  clock.advance(5000);
  assert.equal(await first, 'ETIMEOUT');
  assert.equal(await use('hung.example'), 'ETIMEOUT');
  answer('hung.example', UNKNOWN);
  clock.advance(29_999);
  assert.equal(await use('hung.example'), 'ENOTFOUND');
  assert.deepEqual(asked(), []);
  clock.advance(1);
  void use('hung.example');
  assert.deepEqual(asked(), ['hung.example']);
});

test('names that hang hold up no name that was resolved before', async () => {
  const { clock, asked, answer, use } = await openKnowing({ lookupsMax: 2 });
  for (const hung of ['h1', 'h2', 'h3']) void use(hung);
  assert.deepEqual(asked(), ['h1', 'h2']);
  clock.advance(11_000);
  const renewed = use('a.example');
  answer('a.example', v4('10.0.0.2'));
  assert.deepEqual(await renewed, v4('10.0.0.2'));
  answer('h1', UNKNOWN);
  assert.deepEqual(asked(), ['h2', 'h3']);
});

test('a name that takes long waits among those that hang from then on', async () => {
  const { clock, asked, answer, use } = await openKnowing({ lookupsMax: 1 });
  clock.advance(11_000);
  void use('a.example');
  clock.advance(1000);
  answer('a.example', v4('10.0.0.1'));
  void use('h1');
  clock.advance(11_000);
  assert.deepEqual(await Promise.race([use('a.example'), advanced(clock, 250)]), v4('10.0.0.1'));
  assert.deepEqual(asked(), ['h1']);
});

test('too many names that wait fail at once', async () => {
  const { use } = openCache({ lookupsMax: 1, waitingMax: 1 });
  void use('h1');
  void use('h2');
  assert.equal(await use('h3'), 'EAGAIN');
});

test('the name resolved longest ago makes room', async () => {
  const { asked, answer, use } = await openKnowing({ namesMax: 2 });
  for (const name of ['b.example', 'c.example']) {
    const first = use(name);
    answer(name, v4('10.0.0.9'));
    await first;
  }
  await use('c.example');
  void use('a.example');
  assert.deepEqual(asked(), ['a.example']);
});

test('uses begin with each address in turn, of the family that came first', async () => {
  const { answer, use } = openCache();
  const first = use('a.example');
  answer('a.example', [...v4('10.0.0.1', '10.0.0.2'), { address: 'fd00::1', family: 6 }]);
  const orders = [await first, await use('a.example'), await use('a.example')].map((outcome) =>
    typeof outcome === 'string' ? outcome : outcome.map(({ address }) => address).join(' '),
  );
  assert.deepEqual(orders, [
    '10.0.0.1 10.0.0.2 fd00::1',
    '10.0.0.2 10.0.0.1 fd00::1',
    '10.0.0.1 10.0.0.2 fd00::1',
  ]);
});

test('addresses are looked at on each use, also those that are remembered', async () => {
  let refused = '';
  const guarded = createGuardedLookup(
    createNameCache({
      resolve: (_name, _options, done) => setImmediate(done, null, v4('10.0.0.1')),
    }),
    (address) => address === refused,
  );
  const use = () =>
    new Promise((resolve) => {
      guarded('a.example', { all: true }, (error, found) => resolve(error?.code ?? found));
    });
  assert.deepEqual(await use(), v4('10.0.0.1'));
  refused = '10.0.0.1';
  assert.equal(await use(), 'ADDRESS_REFUSED');
});

test('the lookup of Node is remembered with all addresses', async () => {
  let lookups = 0;
  const cached = createNameCache({
    resolve(name, options, done) {
      lookups += 1;
      lookup(name, options, done);
    },
  });
  const use = () =>
    new Promise<readonly ResolvedAddress[]>((resolve, reject) => {
      cached('localhost', { all: true }, (error, found) =>
        error === null ? resolve(found) : reject(error),
      );
    });
  for (const found of [await use(), await use()]) {
    assert.match(found[0]?.address ?? '', /^(127\.0\.0\.1|::1)$/);
  }
  assert.equal(lookups, 1);
});

/** Time passes while somebody waits; resolves to nothing that counts. */
function advanced(clock: { advance(ms: number): void }, ms: number): Promise<never> {
  clock.advance(ms);
  return new Promise(() => {});
}
