import { createHash, timingSafeEqual } from 'node:crypto';
import type { Clock } from '@headgate/runtime';
import type { StoredToken } from '../store/access-tokens.ts';
import { accessOf, type Principal } from './session.ts';

/** Reads the credential of a request; null if it is not valid. Rejects when the store is away. */
export type Authenticate = (authorization: string | undefined) => Promise<Principal | null>;

/** What authentication works with. */
export interface AuthenticateDependencies {
  readonly clock: Clock;
  /** The one credential that works without a database. */
  readonly adminToken: string;
  /** Finds an access token by the SHA-256 of the whole token in lower-case hex. */
  readonly findToken: (sha256: string) => Promise<StoredToken | null>;
}

/**
 * Creates the check of `Authorization: Bearer …`. Of tokens only hashes are kept and compared, so that
 * timing tells nothing of how much of a guess was right.
 */
export function createAuthenticate(deps: AuthenticateDependencies): Authenticate {
  const { clock, findToken } = deps;
  const adminHash = sha256(deps.adminToken);
  return async (authorization) => {
    const token = /^bearer +([!-~]{1,8192}) *$/i.exec(authorization ?? '')?.[1];
    if (token === undefined) return null;
    const hash = sha256(token);
    if (timingSafeEqual(hash, adminHash)) return ADMIN;
    const found = await findToken(hash.toString('hex'));
    if (found === null || (found.expiresAt?.getTime() ?? Infinity) <= clock.nowMs()) return null;
    return { actor: `token:${found.id}`, access: accessOf(found.role, found.tenants) };
  };
}

const ADMIN: Principal = Object.freeze({
  actor: 'admin',
  access: Object.freeze(accessOf('platform_admin', undefined)),
});

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
