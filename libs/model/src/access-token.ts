import { z } from 'zod';
import { DisplayName, TenantId, AccessTokenId } from './primitives.ts';

/** What a principal of the management API may do. Which operations: `x-headgate-roles` in OpenAPI. */
export const Role = z
  .enum(['platform_admin', 'tenant_admin', 'viewer'])
  .describe(
    '`platform_admin`: everything. `tenant_admin`: changes what belongs to its tenants, but neither ' +
      'the tenants themselves nor plans. `viewer`: reads.',
  );
export type Role = z.infer<typeof Role>;

/** Tenants that one token may be bound to. */
const TENANTS_MAX = 100;

const AccessTokenFields = z.strictObject({
  name: DisplayName.optional(),
  role: Role,
  tenants: z
    .union([z.literal('*'), z.array(TenantId).min(1).max(TENANTS_MAX)], {
      error: `must be "*" or a list of 1 to ${TENANTS_MAX} ids of tenants`,
    })
    .optional()
    .describe(
      'Ids of the tenants that the token is for, or `*` for a viewer of the whole platform. Not for ' +
        'a platform_admin, who has them all.',
    ),
  expiresAt: z.iso.datetime().optional().describe('The token is refused from this time on.'),
});

/** What an operator writes for an access token. The token itself is made by the config-service. */
export const AccessTokenSpec = AccessTokenFields.superRefine(({ role, tenants }, context) => {
  const rule = faultOfTenants(role, tenants);
  if (rule !== null) context.addIssue({ code: 'custom', path: ['tenants'], message: rule });
}).describe('A credential of an operator or a program for the management API.');
export type AccessTokenSpec = z.infer<typeof AccessTokenSpec>;

/** As it is listed: the token itself cannot be read again. */
export const AccessToken = AccessTokenFields.extend({
  id: AccessTokenId,
  hint: z.string().max(16).describe('First characters of the token, to recognise it.'),
});
export type AccessToken = z.infer<typeof AccessToken>;

/** Every access token starts with this, so that secret scanners can find leaked ones. */
export const ACCESS_TOKEN_PREFIX = 'hgt_';

/** The rule that a role and its tenants break together, or null. */
function faultOfTenants(role: Role, tenants: '*' | readonly string[] | undefined): string | null {
  switch (role) {
    case 'platform_admin':
      return tenants === undefined ? null : 'must be absent: a platform_admin has all tenants';
    case 'tenant_admin':
      return Array.isArray(tenants)
        ? null
        : 'must be a list of ids: a tenant_admin has some tenants';
    case 'viewer':
      return tenants === undefined ? 'is required: a list of ids, or "*" for all tenants' : null;
  }
}
