import { caddy } from './caddy.ts';
import type { Candidate } from '../../side-by-side/candidate.ts';
import { fastify } from './fastify.ts';
import { haproxy } from './haproxy.ts';
import { headgateBare } from './headgate-bare.ts';
import { headgate, headgateManyActive } from './headgate.ts';
import { nginxLua } from './nginx-lua.ts';
import { nginx } from './nginx.ts';
import { nodeHttpUndici } from './node-http-undici.ts';

/** All candidates, in the order of the table. */
export const CANDIDATES: readonly Candidate[] = [
  headgate,
  headgateManyActive,
  headgateBare,
  nginx,
  haproxy,
  caddy,
  nginxLua,
  fastify,
  nodeHttpUndici,
];

/** Without the one that only shows what many active tenants cost per request. */
export const USUAL_CANDIDATES: readonly Candidate[] = CANDIDATES.filter(
  (candidate) => candidate !== headgateManyActive,
);
