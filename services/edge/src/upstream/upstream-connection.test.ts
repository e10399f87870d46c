import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { Upstream } from '@headgate/model';
import {
  createGuardedLookup,
  DeadlineSweeper,
  type GuardedLookup,
  type ResolveAll,
} from '@headgate/runtime';
import { createRecordingOrigin, waitFor } from '@headgate/testkit';
import { HeldClock } from '../io/held-clock.ts';
import { ReadBuffers } from '../io/read-buffers.ts';
import type { ConnectionPool } from './connection-pool.ts';
import { UpstreamEndpoint } from './endpoint.ts';
import { ConnectionBudget } from './connection-budget.ts';
import { ResponseReaders } from './response-readers.ts';
import type { UpstreamConnection } from './upstream-connection.ts';
import type { UpstreamUser } from './upstream-user.ts';

/** Where the bug of a user is. */
type Place = 'nowhere' | 'onConnection' | 'onResponseEnd' | 'flush after the response' | 'cancel';

/** Sends one GET and notes what it hears; has a bug in one place. */
class BuggyUser implements UpstreamUser {
  readonly requestMethod = 'GET';
  readonly events: string[] = [];
  readonly #place: Place;
  #connection: UpstreamConnection | null = null;
  #ended = false;

  constructor(place: Place) {
    this.#place = place;
  }

  onConnecting(connection: UpstreamConnection): void {
    this.#connection = connection;
  }
  onConnection(connection: UpstreamConnection): void {
    this.#connection = connection;
    if (this.#place === 'onConnection') throw new Error('onConnection');
    connection.bytes.writeText('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    connection.completeRequest();
  }
  onResponseHead(): void {
    this.events.push('head');
  }
  onResponseData(): void {
    this.events.push('data');
  }
  onResponseEnd(): void {
    this.#ended = true;
    this.events.push('end');
    if (this.#place === 'onResponseEnd') throw new Error('onResponseEnd');
    if (this.#place === 'cancel') this.#connection?.cancel();
  }
  onTunnelData(): void {
    assert.fail('no tunnel');
  }
  onTunnelEnd(): void {
    assert.fail('no tunnel');
  }
  onUpstreamDrain(): void {
    this.events.push('drain');
  }
  onUpstreamFailure(failure: string): void {
    this.events.push(failure);
  }
  onBug(error: unknown): void {
    this.events.push(error instanceof Error ? `bug in ${error.message}` : String(error));
  }
  flush(): void {
    if (this.#ended && this.#place === 'flush after the response') throw new Error('flush');
    this.#connection?.bytes.flush();
  }
}

/** A pool of one connection at most, to an endpoint that answers `ok` when it is told to. */
interface Scene {
  readonly pool: ConnectionPool;
  /** Whether the time stands still. */
  readonly held: () => boolean;
  /** Answers the next request, now or when it comes. */
  readonly answer: () => Promise<void>;
}

async function withPool(
  work: (scene: Scene) => Promise<void>,
  { host = '127.0.0.1', lookup }: { readonly host?: string; readonly lookup?: GuardedLookup } = {},
): Promise<void> {
  const origin = await createRecordingOrigin();
  const answers: (() => void)[] = [];
  origin.respondWith((_request, connection) => {
    answers.push(() => connection.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'));
    return undefined;
  });
  let looks = 0;
  const clock = new HeldClock({ nowMs: () => 0, monotonicMs: () => (looks += 1) });
  const spec = Upstream.parse({
    id: 'main',
    endpoints: [{ host, port: origin.port }],
    connectionsMax: 1,
  });
  const [address] = spec.endpoints;
  assert.ok(address !== undefined);
  const { pool } = new UpstreamEndpoint(address, spec, {
    buffers: new ReadBuffers(),
    sweeper: new DeadlineSweeper({ now: () => clock.monotonicMs(), onError: assert.ifError }),
    clock,
    readers: new ResponseReaders(),
    budget: new ConnectionBudget(Infinity),
    ...(lookup === undefined ? {} : { lookup }),
  });
  const answer = async (): Promise<void> => {
    const send = await waitFor(() => answers.shift(), { message: 'a request' });
    send();
  };
  try {
    await work({ pool, answer, held: () => clock.monotonicMs() === clock.monotonicMs() });
  } finally {
    pool.retire();
    await origin.close();
  }
}

const WHOLE = ['head', 'data', 'end'];

suite('a bug in one exchange', () => {
  const cases: readonly (readonly [Place, readonly string[]])[] = [
    ['nowhere', WHOLE],
    ['onResponseEnd', [...WHOLE, 'bug in onResponseEnd']],
    ['flush after the response', [...WHOLE, 'bug in flush']],
    ['cancel', WHOLE],
  ];
  for (const [place, events] of cases) {
    test(`${place}: who waits for the connection gets an answer`, () =>
      withPool(async ({ pool, answer, held }) => {
        const first = new BuggyUser(place);
        const second = new BuggyUser('nowhere');
        pool.acquire(first, false);
        pool.acquire(second, false);
        assert.equal(pool.waitingCount, 1);
        await answer();
        await answer();
        await waitFor(() => second.events.includes('end'), { message: 'the second answer' });
        assert.deepEqual(first.events, events);
        assert.deepEqual(second.events, WHOLE);
        assert.deepEqual([pool.openCount, pool.idleCount, pool.waitingCount], [1, 1, 0]);
        assert.equal(held(), false);
      }));

    test(`${place}, with nobody waiting: the next one gets an answer too`, () =>
      withPool(async ({ pool, answer, held }) => {
        const first = new BuggyUser(place);
        pool.acquire(first, false);
        await answer();
        await waitFor(() => first.events.length === events.length, { message: 'the answer' });
        assert.deepEqual(first.events, events);
        assert.equal(held(), false);
        assert.equal(pool.openCount, pool.idleCount);
        const second = new BuggyUser('nowhere');
        pool.acquire(second, false);
        second.flush();
        await answer();
        await waitFor(() => second.events.includes('end'), { message: 'the second answer' });
        assert.deepEqual(second.events, WHOLE);
      }));
  }

  test('of who waited, when its turn comes: the one before has its answer and hears nothing', () =>
    withPool(async ({ pool, answer }) => {
      const users = [
        new BuggyUser('nowhere'),
        new BuggyUser('onConnection'),
        new BuggyUser('nowhere'),
      ] as const;
      for (const user of users) pool.acquire(user, false);
      await answer();
      await answer();
      await waitFor(() => users[2].events.includes('end'), { message: 'the last answer' });
      assert.deepEqual(
        users.map(({ events }) => events),
        [WHOLE, ['bug in onConnection'], WHOLE],
      );
      assert.deepEqual([pool.openCount, pool.waitingCount], [1, 0]);
    }));
});

suite('an endpoint with a name', () => {
  const lookupOf = (refused: string) =>
    createGuardedLookup(
      (_name, _options, done) => setImmediate(done, null, [{ address: '127.0.0.1', family: 4 }]),
      (address) => address === refused,
    );

  /** As `lookup` of `node:dns` fails. */
  const findNothing: ResolveAll = (_name, _options, done) =>
    setImmediate(
      done,
      Object.assign(new Error('not found'), { code: 'ENOTFOUND', syscall: 'getaddrinfo' }),
      [],
    );

  const unreachable = [
    ['leads to a refused address', lookupOf('127.0.0.1'), 'address_refused'],
    ['nobody knows', createGuardedLookup(findNothing, () => false), 'resolve_failed'],
  ] as const;
  for (const [what, lookup, failure] of unreachable) {
    test(`that ${what} cannot be connected to`, () =>
      withPool(
        async ({ pool }) => {
          const user = new BuggyUser('nowhere');
          pool.acquire(user, false);
          await waitFor(() => user.events.length > 0, { message: 'the failure' });
          assert.deepEqual(user.events, [failure]);
          assert.equal(pool.openCount, 0);
        },
        { host: 'inside.example', lookup },
      ));
  }

  test('that leads to another one is connected to', () =>
    withPool(
      async ({ pool, answer }) => {
        const user = new BuggyUser('nowhere');
        pool.acquire(user, false);
        await answer();
        await waitFor(() => user.events.includes('end'), { message: 'the answer' });
        assert.deepEqual(user.events, WHOLE);
      },
      { host: 'backend.example', lookup: lookupOf('127.0.0.2') },
    ));
});
