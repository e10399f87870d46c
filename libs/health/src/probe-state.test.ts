import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createProbeState, type ProbeStateOptions } from './probe-state.ts';

/** Feeds outcomes 1 s apart, `+` success and `-` failure; answers with u(nknown), h(ealthy) or x after each. */
function verdicts(outcomes: string, options: Partial<ProbeStateOptions> = {}): string {
  const state = createProbeState({ healthyThreshold: 2, unhealthyThreshold: 3, ...options });
  let letters = '';
  [...outcomes].forEach((outcome, second) => {
    state.record(outcome === '+', 'test', second * 1000);
    letters += { unknown: 'u', healthy: 'h', unhealthy: 'x' }[state.verdict];
  });
  return letters;
}

const cases: [rule: string, outcomes: string, expected: string, options?: object][] = [
  ['the first success is a verdict', '+', 'h'],
  ['unknown turns unhealthy only after the threshold', '---', 'uux'],
  ['failures must be in a row', '--+--+---', 'uuhhhhhhx'],
  ['successes must be in a row to come back', '---+-+-++', 'uuxxxxxxh'],
  [
    'thresholds of 1 follow every probe',
    '+-+-',
    'hxhx',
    { healthyThreshold: 1, unhealthyThreshold: 1 },
  ],
  ['a long streak flips once', '++++----', 'hhhhhhxx'],
  [
    'flips keep their distance; the streak goes on counting meanwhile',
    '+---+++++++----------',
    'hhhxxxxxxhhhhhhxxxxxx',
    { flipDistanceMs: 6000 },
  ],
  [
    'the first verdict is no flip: a failure right after it is not held back',
    '+---',
    'hhhx',
    { flipDistanceMs: 60_000 },
  ],
  [
    'an endpoint that flaps with every probe flips at most once per distance',
    '+-+-+-+-+-+-+-+-+-+-+-',
    'hxxxxxxxxxxxhhhhhhhhhh',
    { healthyThreshold: 1, unhealthyThreshold: 1, flipDistanceMs: 10_000 },
  ],
];

for (const [rule, outcomes, expected, options] of cases) {
  test(`probe state: ${rule}`, () => assert.equal(verdicts(outcomes, options), expected));
}

test('probe state: a change carries its time and reason, later probes leave them', () => {
  const state = createProbeState({ healthyThreshold: 1, unhealthyThreshold: 2 });
  assert.deepEqual([state.verdict, state.sinceMs, state.reason], ['unknown', 0, '']);
  assert.equal(state.record(true, 'status 200', 10), true);
  assert.equal(state.record(false, 'status 503', 20), false);
  assert.equal(state.record(false, 'connect ECONNREFUSED', 30), true);
  assert.equal(state.record(false, 'timeout', 40), false);
  assert.deepEqual(
    [state.verdict, state.sinceMs, state.reason],
    ['unhealthy', 30, 'connect ECONNREFUSED'],
  );
});

test('probe state: a clock that steps back by an hour does not hold a flip back for an hour', () => {
  const state = createProbeState({
    healthyThreshold: 1,
    unhealthyThreshold: 1,
    flipDistanceMs: 10_000,
  });
  state.record(true, '', 7_200_000);
  state.record(false, '', 7_201_000);
  assert.equal(state.record(true, '', 3_600_000), true);
  assert.equal(state.verdict, 'healthy');
});
