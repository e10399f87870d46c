import type { Candidate } from '../../side-by-side/candidate.ts';
import { fastify } from './fastify.ts';
import { headgate, headgateLimitsOff } from './headgate.ts';
import { nginxLua } from './nginx-lua.ts';

/** All candidates, in the order of the table. */
export const CANDIDATES: readonly Candidate[] = [headgate, headgateLimitsOff, nginxLua, fastify];
