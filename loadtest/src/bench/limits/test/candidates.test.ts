import { test } from 'node:test';
import { checkCandidate } from '../../side-by-side/test/candidate.case.ts';
import { CANDIDATES } from '../candidates/candidates.ts';
import { API_KEY } from '../settings.ts';

for (const candidate of CANDIDATES) {
  test(`${candidate.name} forwards to all endpoints, or says that it is not installed`, () =>
    checkCandidate(candidate, { 'x-api-key': API_KEY }));
}
