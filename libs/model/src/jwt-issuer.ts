import { z } from 'zod';
import { JwtAlgorithm, PublicJwk } from './jwk.ts';
import { DisplayName, durationMs, JwtIssuerId, TextLine } from './primitives.ts';

/** Keys that an issuer may have written inline: reading a document looks at each, which takes up to 70 µs. */
const INLINE_KEYS_MAX = 16;

const ClaimName = TextLine.min(1).max(128);

/** Where keys are fetched. What of it may be connected to is decided where it is written, and by edges for each connection. */
const JwksUri = z
  .string()
  .max(1024)
  .refine(isFetchable, {
    error:
      'must be an https:// (or http://) URL in visible ASCII without user, password and fragment',
  })
  .describe(
    'Where edges fetch the keys, as `jwks_uri` in the metadata of the issuer. `http://` only to addresses in `HEADGATE_ENDPOINT_ADDRESSES_ALLOWED`. Either this or `jwks`.',
  );

/** What an operator writes for an issuer of JWTs. */
export const JwtIssuerSpec = z
  .strictObject({
    name: DisplayName.optional(),
    issuer: TextLine.min(1).max(1024).describe('The `iss` of its tokens, compared exactly.'),
    audiences: z
      .array(TextLine.min(1).max(1024))
      .min(1)
      .max(16)
      .describe('A token is taken if its `aud` is, or holds, one of these; compared exactly.'),
    algorithms: z
      .array(JwtAlgorithm)
      .min(1)
      .max(JwtAlgorithm.options.length)
      .default(['RS256', 'ES256'])
      .describe('Signature algorithms that are taken.'),
    jwks: z
      .strictObject({
        keys: z
          .array(PublicJwk)
          .min(1)
          .max(INLINE_KEYS_MAX)
          .describe('RSA of 2,048 to 4,096 bits, EC on P-256, P-384 or P-521, or Ed25519.'),
      })
      .optional()
      .describe('The public keys themselves (RFC 7517). Either this or `jwksUri`.'),
    jwksUri: JwksUri.optional(),
    leewayMs: durationMs(0, 60_000)
      .default(30_000)
      .describe('How far clocks may be apart: for `exp` and `nbf`.'),
    consumerClaim: ClaimName.default('sub').describe(
      'The claim that names the consumer: of limits `per` consumer, and of access records.',
    ),
    requiredClaims: z
      .record(ClaimName, z.union([TextLine.max(1024), z.number(), z.boolean()]))
      .refine((claims) => Object.keys(claims).length <= 16, { error: 'at most 16 claims' })
      .default({})
      .describe('Claims that a token must have with exactly these values, such as `azp`.'),
  })
  .superRefine(({ jwks, jwksUri }, context) => {
    if (jwks === undefined && jwksUri === undefined) {
      const message = 'missing; an issuer has jwks or a jwksUri';
      context.addIssue({ code: 'custom', path: ['jwksUri'], message });
    } else if (jwks !== undefined && jwksUri !== undefined) {
      const message = 'an issuer has jwks or a jwksUri, not both';
      context.addIssue({ code: 'custom', path: ['jwksUri'], message, input: jwksUri });
    }
  })
  .meta({
    description: 'Somebody whose JWTs routes of the tenant take.',
    oneOf: [{ required: ['jwks'] }, { required: ['jwksUri'] }],
  });
export type JwtIssuerSpec = z.infer<typeof JwtIssuerSpec>;

export const JwtIssuer = JwtIssuerSpec.safeExtend({ id: JwtIssuerId });
export type JwtIssuer = z.infer<typeof JwtIssuer>;

/** The host of a URL as it is connected to: IPv6 addresses without brackets. */
export function hostOfUrl(url: string): string {
  return new URL(url).hostname.replace(/^\[(.*)\]$/, '$1');
}

function isFetchable(text: string): boolean {
  if (!/^https?:\/\/[!-~]+$/.test(text) || text.includes('#') || !URL.canParse(text)) return false;
  const { username, password } = new URL(text);
  return username === '' && password === '';
}
