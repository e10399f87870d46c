import { z } from 'zod';
import { LimitList } from './limit.ts';
import { ApiKeyId, DisplayName } from './primitives.ts';

/** What an operator writes for an API key. The key itself is made by the config-service and shown once. */
export const ApiKeySpec = z
  .strictObject({
    name: DisplayName.optional(),
    expiresAt: z.iso.datetime().optional().describe('The key is refused from this time on.'),
    limits: LimitList.describe(
      'Overrides of the plan’s keyLimits by name; a new name adds a limit. Written by a tenant_admin: added ones alone, with names that begin with "own-".',
    ),
  })
  .describe('A credential of a tenant’s client.');
export type ApiKeySpec = z.infer<typeof ApiKeySpec>;

/** As stored and published: only the hash of the secret is kept. */
export const ApiKey = ApiKeySpec.extend({
  id: ApiKeyId,
  sha256: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .describe('SHA-256 of the whole key in lower-case hex.'),
  hint: z.string().max(16).describe('First characters of the key, to recognise it.'),
});
export type ApiKey = z.infer<typeof ApiKey>;

/** Every API key starts with this, so that secret scanners can find leaked ones. */
export const API_KEY_PREFIX = 'hgk_';

/**
 * What the names of limits begin with that a tenant gives its API keys itself. They add to the limits of its plan and can
 * replace none, of whichever plan it is on and however that changes, as plans do not use such names.
 */
export const OWN_LIMIT_PREFIX = 'own-';
