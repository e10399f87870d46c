import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Candidate } from './candidate.ts';
import { chooseParts } from './choose-parts.ts';
import type { PartSummary } from './part.ts';

const candidate = (name: string): Candidate => ({
  name,
  description: '',
  tenants: 1,
  activeTenants: 1,
  missing: async () => null,
  start: () => Promise.reject(new Error('nothing is started here')),
});

const [a, b, c] = [candidate('a'), candidate('b'), candidate('c')];

function part(
  name: string,
  candidates: readonly Candidate[],
  quick: readonly string[],
): PartSummary {
  return { name, mainFigure: 'rps', baselines: [], candidates, quick };
}

const PARTS = [part('small', [a, b, c], ['a', 'b', 'c']), part('rate', [a, b], ['a'])];

function choose(fields: Partial<Parameters<typeof chooseParts>[1]>): {
  chosen: Record<string, string>;
  leftOut: readonly string[];
} {
  const options = { quick: false, profiles: null, candidates: null, ...fields };
  const { parts, leftOut } = chooseParts(PARTS, options);
  return {
    chosen: Object.fromEntries(
      parts.map((one) => [one.part.name, one.candidates.map(({ name }) => name).join('')]),
    ),
    leftOut: leftOut.map(({ name }) => name),
  };
}

test('a full run takes all candidates in all parts', () => {
  assert.deepEqual(choose({}), { chosen: { small: 'abc', rate: 'ab' }, leftOut: [] });
});

test('a quick run takes fewer, and names those that it passes over', () => {
  const quick = { chosen: { small: 'abc', rate: 'a' }, leftOut: ['b in rate'] };
  assert.deepEqual(choose({ quick: true }), quick);
});

test('named candidates take part, in a quick run too; a part without any does not run', () => {
  assert.deepEqual(choose({ quick: true, candidates: ['b'] }), {
    chosen: { small: 'b', rate: 'b' },
    leftOut: [],
  });
  assert.deepEqual(choose({ candidates: ['c'] }), { chosen: { small: 'c' }, leftOut: [] });
});

test('named parts run, no others', () => {
  assert.deepEqual(choose({ profiles: ['rate'] }), { chosen: { rate: 'ab' }, leftOut: [] });
});

test('a part that is too long for a quick run takes part in one if it is named', () => {
  const long = { ...part('long', [a, c], ['c']), quickIfNamed: true };
  const namesOf = (quick: boolean, profiles: readonly string[] | null) =>
    chooseParts([long], { quick, profiles, candidates: null }).parts.map(({ candidates }) =>
      candidates.map(({ name }) => name).join(''),
    );
  assert.deepEqual(namesOf(true, null), []);
  assert.deepEqual(namesOf(true, ['long']), ['c']);
  assert.deepEqual(namesOf(false, null), ['ac']);
});
