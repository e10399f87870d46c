import { readFileSync } from 'node:fs';
import type { FuzzRandom, NonEmpty } from '../fuzz-random.ts';
import { mutate, splice } from './mutations.ts';
import { validRequest } from './request-grammar.ts';
import { smugglingAttempt } from './smuggling.ts';

const CASES = new URL('../../../../libs/http1/test-data/cases.json', import.meta.url);

/** Longer cases are about limits; repeating them would only cost time. */
const CASE_CHARS_MAX = 2000;

interface WireCase {
  readonly side: string;
  readonly bytes: string;
}

/** Reads the wire cases whose bytes the given side sends, as latin1 text; long ones are left out. */
export function readCorpus(side: 'client' | 'backend'): NonEmpty<string> {
  const cases = JSON.parse(readFileSync(CASES, 'utf8')) as WireCase[]; // a file of this repository
  const [first = '', ...rest] = cases
    .filter((one) => one.side === side && !one.bytes.includes('{{') && one.bytes !== '')
    .map(({ bytes }) => bytes)
    .filter((bytes) => bytes.length <= CASE_CHARS_MAX);
  return [first, ...rest];
}

/** Makes the bytes that a client sends on one connection. */
export function requestInput(random: FuzzRandom, corpus: NonEmpty<string>): Buffer {
  return Buffer.from(requestText(random, corpus), 'latin1');
}

function requestText(random: FuzzRandom, corpus: NonEmpty<string>): string {
  const kind = random.int(100);
  if (kind < 30) return pipeline(random);
  if (kind < 60) return mutate(pipeline(random), random);
  if (kind < 72) return mutate(random.pick(corpus), random);
  if (kind < 77) return splice(pipeline(random), random.pick(corpus), random) + victim(random);
  if (kind < 90) return smugglingAttempt(random);
  return mutate(smugglingAttempt(random), random);
}

function pipeline(random: FuzzRandom): string {
  let text = '';
  for (let left = random.chance(0.5) ? 1 : 1 + random.int(5); left > 0; left--) {
    text += validRequest(random);
  }
  return text;
}

function victim(random: FuzzRandom): string {
  return random.chance(0.5) ? validRequest(random) : '';
}
