import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createHttpOrigin, temporaryDirectory, type HttpOrigin } from '@headgate/testkit';
import { BenchmarkError } from '../benchmark.ts';
import { BODY } from './backend.ts';
import type { Candidate, RunningCandidate } from './candidate.ts';
import { Fleet } from './fleet.ts';

/** A fleet, a server that its candidates "run" on, and what was said. */
async function withFleet(
  body: string,
  check: (fleet: Fleet, origin: HttpOrigin, said: readonly string[]) => Promise<void>,
): Promise<void> {
  const directory = await temporaryDirectory('fleet');
  const origin = await createHttpOrigin((_request, response) => void response.end(body));
  const said: string[] = [];
  const fleet = new Fleet({
    context: {
      backendPorts: [origin.port],
      hosts: [],
      path: '/',
      headers: {},
      otlpUrl: '',
      tls: { certificate: '', key: '', both: '' },
    },
    directory: directory.path,
    say: (line) => said.push(line),
    signal: new AbortController().signal,
  });
  try {
    await check(fleet, origin, said);
  } finally {
    await fleet.close();
    await origin.close();
    await directory.remove();
  }
}

function candidate(name: string, port: number, fields: Partial<RunningCandidate> = {}): Candidate {
  return {
    name,
    description: '',
    tenants: 10,
    activeTenants: 3,
    missing: async () => null,
    start: async () => ({ port, pid: process.pid, stop: async () => undefined, ...fields }),
  };
}

test('a peer that is missing, or does not start, is left out, named, and not tried again', async () => {
  await withFleet(BODY, async (fleet, { port }, said) => {
    const peer = candidate('caddy', port);
    assert.equal(await fleet.start({ ...peer, missing: async () => 'is not installed' }), null);
    assert.equal(await fleet.start(peer), null);
    const start = () => Promise.reject(new Error('nginx ended early\nsome output\nport in use\n'));
    assert.equal(await fleet.start({ ...peer, name: 'nginx', start }), null);
    assert.deepEqual(fleet.leftOut, [
      { name: 'caddy', reason: 'is not installed' },
      { name: 'nginx', reason: 'does not work here: nginx ended early; port in use' },
    ]);
    assert.equal(said.length, 2);
  });
});

test('a peer with wrong answers is left out and ends with the fleet', async () => {
  await withFleet('other bytes', async (fleet, { port }) => {
    let stops = 0;
    const stop = async (): Promise<void> => void (stops += 1);
    assert.equal(await fleet.start(candidate('caddy', port, { stop })), null);
    assert.match(fleet.leftOut[0]?.reason ?? '', /answered with 200, 11 bytes: other bytes/);
    await fleet.close();
    assert.equal(stops, 1);
  });
});

test('without Headgate there is nothing to compare', async () => {
  await withFleet('other bytes', async (fleet, { port }) => {
    await assert.rejects(fleet.start(candidate('headgate-bare', port)), BenchmarkError);
  });
});

test('lost work is a fault that names the candidate, also when it does not tell', async () => {
  await withFleet(BODY, async (fleet, { port }) => {
    const losing = await fleet.start(candidate('a', port, { findFaults: async () => ['1 lost'] }));
    const findFaults = () => Promise.reject(new Error('no answer'));
    const silent = await fleet.start(candidate('b', port, { findFaults }));
    assert.ok(losing !== null && silent !== null);
    await fleet.stop(losing);
    await fleet.stop(losing);
    await fleet.stop(silent);
    assert.deepEqual(fleet.faults, ['a: 1 lost', 'b: does not tell what it lost: no answer']);
  });
});

test('a measurement that fails is a fault; an interruption ends the run instead', async () => {
  await withFleet(BODY, async (fleet, _origin, said) => {
    fleet.noteFailure('caddy', new Error('wrk ended with code 1'));
    assert.deepEqual(fleet.faults, ['caddy: wrk ended with code 1']);
    assert.deepEqual(said, ['FAULT caddy: wrk ended with code 1']);
  });
  const interruption = new AbortController();
  const fleet = new Fleet({
    context: {
      backendPorts: [],
      hosts: [],
      path: '/',
      headers: {},
      otlpUrl: '',
      tls: { certificate: '', key: '', both: '' },
    },
    directory: '',
    say: () => assert.fail('nothing is said'),
    signal: interruption.signal,
  });
  interruption.abort();
  assert.throws(() => fleet.noteFailure('caddy', new Error('killed')), /killed/);
});
