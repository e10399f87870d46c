import { hash, timingSafeEqual } from 'node:crypto';
import { createProblem, type Problem } from '@headgate/errors';
import { ACCESS_TOKEN_PREFIX } from '@headgate/model';
import type { Clock } from '@headgate/runtime';
import type { StoredToken } from '../store/access-tokens.ts';
import type { VerifyJwt } from './oidc/verify-jwt.ts';
import { accessOf, type Principal } from './session.ts';

/** Who asks, or why that cannot be told. */
export type Authentication =
  | { readonly ok: true; readonly principal: Principal }
  | { readonly ok: false; readonly problem: Problem };

/** Reads the credential of a request. Rejects when what it is checked with is away. */
export type Authenticate = (authorization: string | undefined) => Promise<Authentication>;

/** What authentication works with. */
export interface AuthenticateDependencies {
  readonly clock: Clock;
  /** The one credential that works without a database. */
  readonly adminToken: string;
  /** Finds an access token by the SHA-256 of the whole token in lower-case hex. */
  readonly findToken: (sha256: string) => Promise<StoredToken | null>;
  /** Null: JWTs are not taken. */
  readonly verifyJwt: VerifyJwt | null;
}

/**
 * Creates the check of `Authorization: Bearer …`. Of tokens only hashes are kept and compared, so that
 * timing tells nothing of how much of a guess was right.
 */
export function createAuthenticate(deps: AuthenticateDependencies): Authenticate {
  const { clock, findToken, verifyJwt } = deps;
  const adminHash = sha256(deps.adminToken);
  return async (authorization) => {
    const token = /^bearer +([!-~]{1,8192}) *$/i.exec(authorization ?? '')?.[1];
    if (token === undefined) return refused();
    const hash = sha256(token);
    if (timingSafeEqual(hash, adminHash)) return { ok: true, principal: ADMIN };
    if (verifyJwt !== null && JWT.test(token)) return verifyJwt(token);
    // What cannot be one costs no question to the database.
    if (!token.startsWith(ACCESS_TOKEN_PREFIX)) return refused();
    const found = await findToken(hash.toString('hex'));
    if (found === null || (found.expiresAt?.getTime() ?? Infinity) <= clock.nowMs()) {
      return refused();
    }
    const { id, role, tenants } = found;
    return { ok: true, principal: { actor: `token:${id}`, access: accessOf(role, tenants) } };
  };
}

/** A signed JWT in its compact form; nothing more is known of it. */
const JWT = /^[\w-]+\.[\w-]+\.[\w-]*$/;

const ADMIN: Principal = Object.freeze({
  actor: 'admin',
  access: Object.freeze(accessOf('platform_admin', undefined)),
});

function refused(): Authentication {
  return { ok: false, problem: createProblem('HG_API_UNAUTHENTICATED') };
}

function sha256(text: string): Buffer {
  return hash('sha256', text, 'buffer');
}
