import { EnvironmentError } from '@headgate/runtime';
import { z } from 'zod';
import type { ClaimNames } from './claims.ts';
import { isTrustworthyUrl } from './issuer-url.ts';

/** Settings of OpenID Connect. */
export interface OidcSettings {
  readonly issuer: string;
  readonly audience: string;
  /** Undefined: the one that discovery names. */
  readonly jwksUrl: URL | undefined;
  readonly claims: ClaimNames;
}

const Address = z
  .string()
  .max(2048)
  .refine(isTrustworthyUrl, 'must be https://…, or http:// on this machine, without a password');
const ClaimName = z.string().max(256);

/** The variables of OpenID Connect; none of them counts without the first. */
export const oidcEnvironment = {
  HEADGATE_OIDC_ISSUER: Address.optional().describe(
    'Issuer whose JWTs are taken by the management API, exactly as in their claim `iss`. Without it none are.',
  ),
  HEADGATE_OIDC_AUDIENCE: z
    .string()
    .max(1024)
    .optional()
    .describe('What the claim `aud` of a JWT must hold. Required with an issuer.'),
  HEADGATE_OIDC_JWKS_URL: Address.optional().describe(
    'Keys of the issuer; without it discovery names them.',
  ),
  HEADGATE_OIDC_ROLE_CLAIM: ClaimName.default('headgate_role').describe(
    'Claim with the role: a text or a list of them. Dots lead into nested claims.',
  ),
  HEADGATE_OIDC_TENANTS_CLAIM: ClaimName.default('headgate_tenants').describe(
    'Claim with the ids of tenants: a list, or a text with spaces or commas; `*` for a viewer of all.',
  ),
};

/** Reads the settings; null without an issuer. @throws EnvironmentError if only half of them is set. */
export function readOidcSettings(
  environment: z.output<z.ZodObject<typeof oidcEnvironment>>,
): OidcSettings | null {
  const issuer = environment.HEADGATE_OIDC_ISSUER;
  const audience = environment.HEADGATE_OIDC_AUDIENCE;
  const jwksUrl = environment.HEADGATE_OIDC_JWKS_URL;
  if (issuer === undefined) {
    if (audience === undefined && jwksUrl === undefined) return null;
    throw new EnvironmentError(['HEADGATE_OIDC_ISSUER: required with the others of OIDC']);
  }
  if (audience === undefined) {
    throw new EnvironmentError([
      'HEADGATE_OIDC_AUDIENCE: required with HEADGATE_OIDC_ISSUER; tokens for other services must not count here',
    ]);
  }
  return {
    ...{ issuer, audience },
    jwksUrl: jwksUrl === undefined ? undefined : new URL(jwksUrl),
    claims: {
      role: environment.HEADGATE_OIDC_ROLE_CLAIM,
      tenants: environment.HEADGATE_OIDC_TENANTS_CLAIM,
    },
  };
}
