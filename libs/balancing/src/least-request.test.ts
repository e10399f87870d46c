import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createSeededRandom } from '@headgate/testkit';
import { LeastRequestPicker } from './least-request.ts';
import { countPicks, describePicker, testEndpoints } from './picker.case.ts';

describePicker(
  'least_request',
  (endpoints, random, options) => new LeastRequestPicker(endpoints, random, options),
);

test('least_request: of two endpoints the one with fewer requests per weight wins', () => {
  const endpoints = testEndpoints([1, 4]);
  const [light, heavy] = endpoints;
  assert.ok(light && heavy);
  const picker = new LeastRequestPicker(endpoints, createSeededRandom(30));
  light.activeRequests = 2;
  heavy.activeRequests = 7;
  const heavyCount = countPicks(picker, 5000).get('e1') ?? 0;
  assert.ok(heavyCount > 4950, `7 of 4 is less than 2 of 1, yet picked ${heavyCount} of 5000`);
  heavy.activeRequests = 9;
  const lightCount = countPicks(picker, 5000).get('e0') ?? 0;
  assert.ok(lightCount > 4000, `2 of 1 is less than 9 of 4, yet picked ${lightCount} of 5000`);
});

test('least_request: a stuck endpoint gets a small part of the traffic, all others stay close together', () => {
  const endpoints = testEndpoints(Array<number>(10).fill(1));
  const picker = new LeastRequestPicker(endpoints, createSeededRandom(31));
  const inFlight: (typeof endpoints)[number][] = [];
  const random = createSeededRandom(32);
  const stuck = endpoints[0];
  assert.ok(stuck);
  for (let request = 0; request < 20_000; request += 1) {
    const endpoint = picker.pick(null);
    assert.ok(endpoint);
    endpoint.activeRequests += 1;
    if (endpoint !== stuck) inFlight.push(endpoint);
    if (inFlight.length > 100) {
      const [done] = inFlight.splice(Math.floor(random.next() * inFlight.length), 1);
      if (done !== undefined) done.activeRequests -= 1;
    }
  }
  const loads = endpoints.slice(1).map((endpoint) => endpoint.activeRequests);
  assert.ok(stuck.activeRequests < 40, `the stuck endpoint holds ${stuck.activeRequests}`);
  assert.ok(Math.max(...loads) - Math.min(...loads) <= 8, `loads ${loads.join()}`);
});
