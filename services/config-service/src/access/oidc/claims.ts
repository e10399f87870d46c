import { Role, TenantId } from '@headgate/model';
import { accessOf, type Access } from '../session.ts';

/** Names of the claims that say what a token may do. */
export interface ClaimNames {
  /** Default `headgate_role`. */
  readonly role: string;
  /** Default `headgate_tenants`. */
  readonly tenants: string;
}

/** What claims allow, or why nothing. */
export type ClaimsReading =
  { readonly ok: true; readonly access: Access } | { readonly ok: false; readonly detail: string };

/** As many as an access token may name. */
const TENANTS_MAX = 100;

/**
 * Reads role and tenants from the claims of a token whose signature was checked.
 *
 * - role: a text, or a list of texts (groups) of which those count that are names of roles; of several
 *   the one that may do most;
 * - tenants: a list of ids, or a text of ids with spaces or commas between them; `*` for a viewer of
 *   all tenants. A platform_admin needs none.
 *
 * A name with dots leads into nested claims (`realm_access.roles`), unless there is a claim of that name.
 */
export function readClaims(
  claims: Readonly<Record<string, unknown>>,
  names: ClaimNames,
): ClaimsReading {
  const named = textsOf(claimAt(claims, names.role));
  // In the order of what they may do.
  const role = Role.options.find((option) => named?.includes(option));
  if (role === undefined) {
    const detail = `the claim ${names.role} of the token names no role; roles are ${Role.options.join(', ')}`;
    return { ok: false, detail };
  }
  if (role === 'platform_admin') return { ok: true, access: accessOf(role, undefined) };
  const ids = textsOf(claimAt(claims, names.tenants), /[\s,]+/);
  if (role === 'viewer' && ids?.length === 1 && ids[0] === '*') {
    return { ok: true, access: accessOf(role, '*') };
  }
  const areIds = ids?.every((id) => TenantId.safeParse(id).success) === true;
  if (!areIds || ids.length === 0 || ids.length > TENANTS_MAX) {
    const detail =
      `the claim ${names.tenants} of the token must name 1 to ${TENANTS_MAX} tenants by their ids` +
      (role === 'viewer' ? ', or be *' : '');
    return { ok: false, detail };
  }
  return { ok: true, access: accessOf(role, ids) };
}

function claimAt(claims: Readonly<Record<string, unknown>>, name: string): unknown {
  if (Object.hasOwn(claims, name)) return claims[name];
  return name.split('.').reduce<unknown>((value, key) => {
    const isObject = typeof value === 'object' && value !== null && Object.hasOwn(value, key);
    return isObject ? (value as Readonly<Record<string, unknown>>)[key] : undefined;
  }, claims);
}

/** The texts of a claim; null if it is neither a text nor a list of texts. */
function textsOf(claim: unknown, separator?: RegExp): readonly string[] | null {
  if (typeof claim === 'string') {
    return separator === undefined ? [claim] : claim.split(separator).filter((part) => part !== '');
  }
  const areTexts = Array.isArray(claim) && claim.every((one) => typeof one === 'string');
  return areTexts ? claim : null;
}
