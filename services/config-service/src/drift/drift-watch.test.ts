import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createFakeClock, waitFor } from '@headgate/testkit';
import type { Declaration } from '../store/declaration.ts';
import { accept, refuse } from '../store/outcome.ts';
import type { SessionStore } from '../store/session-store.ts';
import { startDriftWatch } from './drift-watch.ts';

const DECLARED: Declaration = {
  ...{ revision: 1, at: new Date(0), by: 'admin', driftedAt: null },
  bundle: { apiVersion: 'headgate/v1', plans: {}, upstreams: {}, tenants: {} },
};

interface Given {
  readonly held?: boolean;
  readonly declared?: Declaration | null;
  readonly refused?: boolean;
  /** What stands for the state of the documents, look after look; the last one stays. */
  readonly marks?: readonly string[];
}

/** Looks as often as there are marks; tells what was asked of the store, and what was reported. */
async function look(given: Given) {
  const { held = true, declared = DECLARED, refused = false, marks = ['a'] } = given;
  const asked: string[] = [];
  const failures: unknown[] = [];
  let looks = 0;
  const answer = <Value>(name: string, value: Value): Promise<Value> => {
    asked.push(name);
    return Promise.resolve(value);
  };
  const session = {
    compare: () =>
      answer(
        'compare',
        refused
          ? refuse({ reason: 'not_found', detail: '' })
          : accept({ revision: 7, changes: [] }),
      ),
  };
  const deps: Parameters<typeof startDriftWatch>[0] = {
    clock: createFakeClock(),
    store: {
      as: () => session as unknown as SessionStore, // nothing else of it is asked for
      changeMark: () => answer('mark', marks[looks - 1] ?? marks.at(-1) ?? ''),
      declaration: {
        get: () => answer('get', declared),
        state: () => answer('state', declared),
        markDrift: (_, since) => answer(`drift ${String(since)}`, false),
      },
    },
    lease: {
      get held() {
        looks += 1;
        return held && looks <= marks.length;
      },
    },
    observer: {
      onBegin: () => assert.fail('no drift'),
      onEnd: () => assert.fail('no drift'),
      onFailure: (error) => failures.push(error),
    },
  };
  const watch = startDriftWatch(deps, { lookMs: 1 });
  await waitFor(() => looks > marks.length, { message: 'all looks' });
  await watch.close();
  return { asked, failures };
}

test('only the replica with the lease compares', async () => {
  assert.deepEqual((await look({ held: false })).asked, []);
  assert.deepEqual((await look({})).asked, ['state', 'mark', 'get', 'compare', 'drift null']);
});

test('with nothing declared, nothing is read', async () => {
  assert.deepEqual((await look({ declared: null })).asked, ['state']);
});

test('it is compared again after each commit, and only then', async () => {
  const { asked } = await look({ marks: ['a', 'a', 'b', 'b'] });
  const comparison = ['state', 'mark', 'get', 'compare', 'drift null'];
  assert.deepEqual(asked, [...comparison, 'state', 'mark', ...comparison, 'state', 'mark']);
});

test('what cannot be compared is reported, and no drift is noted', async () => {
  const { asked, failures } = await look({ refused: true });
  assert.match(String(failures[0]), /the comparison was refused: not_found/);
  assert.deepEqual(asked.slice(-1), ['compare']);
});
