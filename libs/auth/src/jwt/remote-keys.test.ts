import assert from 'node:assert/strict';
import { before, suite, test } from 'node:test';
import {
  createFakeClock,
  createSeededRandom,
  createTokenKey,
  type TokenKey,
} from '@headgate/testkit';
import { RemoteKeys } from './remote-keys.ts';

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

let first: TokenKey;
let second: TokenKey;
before(async () => {
  [first, second] = await Promise.all([
    createTokenKey('ES256', 'k1'),
    createTokenKey('ES256', 'k2'),
  ]);
});

const jwks = (...keys: readonly TokenKey[]): string =>
  JSON.stringify({ keys: keys.map(({ jwk }) => jwk) });

/** Keys whose fetches the test answers. */
function scene() {
  const clock = createFakeClock();
  const fetches: PromiseWithResolvers<string>[] = [];
  const outcomes: (string | null)[] = [];
  const keys = new RemoteKeys({
    clock,
    random: createSeededRandom(1),
    fetch() {
      const answer = Promise.withResolvers<string>();
      fetches.push(answer);
      return answer.promise;
    },
    onFetched: (error) => outcomes.push(error === null ? null : error.message),
  });
  /** Refreshes, and ends the fetch; whether there was one. */
  const refresh = async (answer: string | Error): Promise<boolean> => {
    const pending = keys.refresh();
    if (pending === null) return false;
    if (answer instanceof Error) fetches.at(-1)?.reject(answer);
    else fetches.at(-1)?.resolve(answer);
    await pending;
    return true;
  };
  const has = (kid: string): boolean => keys.current()?.find(kid, 'ES256') instanceof Object;
  return { clock, fetches, outcomes, keys, refresh, has };
}

suite('keys of an issuer', () => {
  test('are fetched when they are needed first, once for all who wait', async () => {
    const { fetches, keys, has, outcomes } = scene();
    assert.equal(keys.current(), null);
    assert.equal(fetches.length, 0);
    const waiting = [keys.refresh(), keys.refresh(), keys.refresh()].map(async (one) => one);
    assert.equal(fetches.length, 1);
    fetches[0]?.resolve(jwks(first));
    await Promise.all(waiting);
    assert.deepEqual([has('k1'), has('k2')], [true, false]);
    assert.deepEqual(outcomes, [null]);
  });

  test('a flood of unknown keys costs a fetch in 30 s, whether or not it succeeds', async () => {
    const { clock, fetches, refresh, has } = scene();
    await refresh(jwks(first));
    for (const [ms, expected] of [
      [1, false],
      [29_998, false],
      [1, true],
    ] as const) {
      clock.advance(ms);
      assert.equal(await refresh(jwks(first, second)), expected);
    }
    assert.ok(has('k2'));
    let count = 0;
    for (let ms = 0; ms < 10 * MINUTE_MS; ms += 1000) {
      clock.advance(1000);
      if (await refresh(new Error('down'))) count += 1;
    }
    assert.ok(count >= 13 && count <= 20, `${count} in 10 min`);
    assert.equal(fetches.length, 2 + count);
    assert.ok(has('k1') && has('k2'), 'the old ones serve');
  });

  test('without keys, what failed is tried again after 0.5 to 1 s, then ever later, up to 30 s', async () => {
    const { clock, refresh, has } = scene();
    await refresh(new Error('down'));
    const waits: number[] = [];
    for (let attempt = 0; attempt < 9; attempt += 1) {
      let waitedMs = 0;
      do {
        clock.advance(100);
        waitedMs += 100;
      } while (!(await refresh(new Error('down'))));
      waits.push(waitedMs);
    }
    assert.equal(has('k1'), false);
    waits.forEach((waitedMs, attempt) => {
      const wholeMs = Math.min(30_000, 1000 * 2 ** attempt);
      assert.ok(waitedMs >= wholeMs / 2 && waitedMs <= wholeMs + 100, `${attempt}: ${waitedMs}`);
    });
    clock.advance(30_000);
    assert.equal(await refresh(jwks(first)), true);
    assert.ok(has('k1'));
  });

  test('of 10 min are fetched behind the requests; a failure changes nothing', async () => {
    const { clock, fetches, keys, has } = scene();
    const settled = async (): Promise<void> => void (await keys.refresh());
    void keys.refresh();
    fetches[0]?.resolve(jwks(first));
    await settled();
    clock.advance(10 * MINUTE_MS - 1);
    assert.ok(has('k1'));
    assert.equal(fetches.length, 1);
    clock.advance(1);
    assert.ok(has('k1'), 'at once');
    assert.equal(fetches.length, 2);
    fetches[1]?.resolve('no keys here');
    await settled();
    assert.ok(has('k1'));
    clock.advance(MINUTE_MS);
    assert.ok(has('k1'));
    assert.equal(fetches.length, 3);
    fetches[2]?.resolve(jwks(second));
    await settled();
    assert.deepEqual(
      [has('k1'), has('k2')],
      [false, true],
      'a key that is gone is not taken any more',
    );
  });

  test('of a day are no longer trusted', async () => {
    const { clock, keys, refresh, has } = scene();
    await refresh(jwks(first));
    clock.advance(DAY_MS - 1);
    assert.ok(has('k1'));
    await refresh(new Error('down'));
    clock.advance(1);
    assert.equal(keys.current(), null);
  });
});
