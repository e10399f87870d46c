import type { Candidate } from '../../side-by-side/candidate.ts';
import { fastify } from './fastify.ts';
import { headgate, headgateLimitsOff, headgateNoLeases } from './headgate.ts';
import { nginxLua } from './nginx-lua.ts';

/** All candidates, in the order of the table. */
export const CANDIDATES: readonly Candidate[] = [
  headgate,
  headgateNoLeases,
  headgateLimitsOff,
  nginxLua,
  fastify,
];
