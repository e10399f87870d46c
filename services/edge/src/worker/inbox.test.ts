import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { suite, test } from 'node:test';
import { createFakeClock } from '@headgate/testkit';
import { tenantDocument } from '../../test/support/edge-process.ts';
import { Inbox, REST_FOR_MS_MAX, REST_MS, TURN_MS } from './inbox.ts';

const documentsOf = (...ids: readonly string[]): readonly string[] =>
  ids.map((id) => tenantDocument({ id, hosts: [`${id}.test`], upstreams: {}, routes: {} }, 1).text);

/** An inbox whose documents take so long each; tells what it did, in order. */
function createHarness(documentMs: number, isServing = false) {
  const clock = createFakeClock();
  const did: string[] = [];
  const inbox = new Inbox({
    nowMs: () => clock.monotonicMs(),
    wait: (callback, ms) => {
      did.push(`rest ${ms}`);
      setImmediate(callback);
    },
    isServing: () => isServing,
    apply: ({ key, header: { revision } }) => {
      clock.advance(documentMs);
      did.push(key);
      const isBad = key === 'tenant.bad';
      return { key, revision, outcome: isBad ? 'rejected' : 'applied', reason: '' };
    },
    onOutcomes: (outcomes) => did.push(`outcomes ${outcomes.map(({ key }) => key).join(' ')}`),
    handle: ({ type }) => did.push(type),
  });
  return { inbox, did };
}

suite('inbox of a worker', () => {
  test('one message that takes a moment is done, and answered, in the turn that it came in', () => {
    const { inbox, did } = createHarness(TURN_MS / 5);
    inbox.push({ type: 'documents', compileNow: true, documents: documentsOf('a', 'b') });
    assert.deepEqual(did, ['tenant.a', 'tenant.b', 'outcomes tenant.a tenant.b']);
  });

  test('a turn ends with the document that its time ran out with; messages keep their order', async () => {
    const { inbox, did } = createHarness(TURN_MS * 0.6);
    inbox.push({ type: 'documents', compileNow: true, documents: documentsOf('a', 'b', 'c') });
    inbox.push({ type: 'removed', keys: ['tenant.a'] });
    inbox.push({ type: 'documents', compileNow: false, documents: documentsOf('d', 'e') });
    assert.deepEqual(did.splice(0), ['tenant.a', 'tenant.b', 'outcomes tenant.a tenant.b']);
    await turn();
    assert.deepEqual(did.splice(0), [...['tenant.c', 'outcomes tenant.c', 'removed', 'tenant.d']]);
    await turn();
    assert.deepEqual(did.splice(0), ['tenant.e']);
    await turn();
    assert.deepEqual(did, []);
  });

  test('of documents that are not compiled now only those that are rejected are told of', async () => {
    const { inbox, did } = createHarness(0);
    const documents = documentsOf('a', 'bad', 'c');
    inbox.push({ type: 'documents', compileNow: false, documents });
    inbox.push({ type: 'barrier' });
    await turn();
    assert.deepEqual(did, [
      ...['tenant.a', 'tenant.bad', 'tenant.c', 'outcomes tenant.bad', 'barrier'],
    ]);
  });

  test('many small messages at once share one turn’s time', async () => {
    const { inbox, did } = createHarness(TURN_MS);
    for (const id of ['a', 'b', 'c']) {
      inbox.push({ type: 'documents', compileNow: true, documents: documentsOf(id) });
    }
    assert.deepEqual(did.splice(0), ['tenant.a', 'outcomes tenant.a']);
    await turn();
    assert.deepEqual(did.splice(0), ['tenant.b', 'outcomes tenant.b']);
    await turn();
    assert.deepEqual(did, ['tenant.c', 'outcomes tenant.c']);
  });

  test('with clients a turn of compilation that leaves something is followed by a rest, any other is not', async () => {
    const { inbox, did } = createHarness(TURN_MS, true);
    const rest = `rest ${REST_MS}`;
    inbox.push({ type: 'documents', compileNow: true, documents: documentsOf('a', 'b') });
    assert.deepEqual(did.splice(0), ['tenant.a', 'outcomes tenant.a', rest]);
    await turn();
    assert.deepEqual(did.splice(0), ['tenant.b', 'outcomes tenant.b']);
    await turn();
    inbox.push({ type: 'documents', compileNow: false, documents: documentsOf('c', 'd') });
    await turn();
    assert.deepEqual(did, ['tenant.c', 'tenant.d']);
  });

  test('an inbox that does not get empty rests no more, until it has been', async () => {
    const { inbox, did } = createHarness(REST_FOR_MS_MAX / 2, true);
    const rest = `rest ${REST_MS}`;
    for (const ids of [
      ['a', 'b', 'c', 'd'],
      ['e', 'f'],
    ]) {
      inbox.push({ type: 'documents', compileNow: true, documents: documentsOf(...ids) });
      for (const _id of ids) await turn();
    }
    const rests = did
      .map((one) => (one === rest ? 'rest' : one))
      .filter((one) => !one.includes(' '));
    assert.deepEqual(rests, [
      ...['tenant.a', 'rest', 'tenant.b', 'tenant.c', 'tenant.d'],
      ...['tenant.e', 'rest', 'tenant.f'],
    ]);
  });

  test('a message without documents holds nothing up', () => {
    const { inbox, did } = createHarness(1);
    inbox.push({ type: 'documents', compileNow: true, documents: [] });
    assert.deepEqual(did, []);
  });
});
