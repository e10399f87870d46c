import { canonicalPath } from '@headgate/http1';
import { z } from 'zod';

/** Rule for every identifier that an operator chooses. Ids are safe in paths, KV keys, subjects and metrics. */
export const ID_PATTERN = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

const IdText = z
  .string()
  .regex(ID_PATTERN, '1 to 63 of a-z, 0-9 and -, not starting or ending with -');

const id = (what: string) => IdText.describe(`Id of the ${what}: 1 to 63 of a-z, 0-9 and "-".`);

export const TenantId = id('tenant').brand<'TenantId'>();
export type TenantId = z.infer<typeof TenantId>;

export const PlanId = id('plan').brand<'PlanId'>();
export type PlanId = z.infer<typeof PlanId>;

export const UpstreamId = id('upstream').brand<'UpstreamId'>();
export type UpstreamId = z.infer<typeof UpstreamId>;

export const SharedUpstreamId = id('shared upstream').brand<'SharedUpstreamId'>();
export type SharedUpstreamId = z.infer<typeof SharedUpstreamId>;

export const RouteId = id('route').brand<'RouteId'>();
export type RouteId = z.infer<typeof RouteId>;

export const ApiKeyId = id('API key').brand<'ApiKeyId'>();
export type ApiKeyId = z.infer<typeof ApiKeyId>;

export const JwtIssuerId = id('JWT issuer').brand<'JwtIssuerId'>();
export type JwtIssuerId = z.infer<typeof JwtIssuerId>;
export const CertificateId = id('certificate').brand<'CertificateId'>();
export type CertificateId = z.infer<typeof CertificateId>;

export const AccessTokenId = id('access token').brand<'AccessTokenId'>();
export type AccessTokenId = z.infer<typeof AccessTokenId>;

/** Ring of an edge: rollouts reach one ring after the other. */
export const Ring = IdText.describe('Ring of edges: 1 to 63 of a-z, 0-9 and "-".');
export type Ring = z.infer<typeof Ring>;

/** Where a tenant belongs. */
export const Region = IdText.describe('Region: 1 to 63 of a-z, 0-9 and "-", such as eu-west-1.');
export type Region = z.infer<typeof Region>;

/** Rising number of a document; one sequence for the whole cluster. */
export const Revision = z.int().min(0).describe('Rising number of a change.');

/** One line of text that every store takes: no control characters, no halves of surrogate pairs. */
export const TextLine = z
  .string()
  .regex(/^[^\u0000-\u001f\u007f\u2028\u2029]*$/, 'must be one line without control characters')
  .refine((text) => text.isWellFormed(), { error: 'must be well-formed Unicode' });

/** Human-readable name, one line. */
export const DisplayName = TextLine.min(1).max(128).describe('Name for people, one line.');

/** Labels and the dots between them. */
const DNS_NAME =
  /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)*$/;

/**
 * Canonical host name of a request: lower case, punycode for other scripts, no port, no trailing dot.
 * IPv6 addresses are written in brackets, in the one form that requests are looked up with (RFC 5952).
 */
export function isHostName(text: string): boolean {
  return text.startsWith('[') ? isCanonicalIpv6(text) : isDnsName(text);
}

/** Labels of letters, digits, `_` and `-`, lower case. */
export function isDnsName(text: string): boolean {
  return text.length <= 253 && DNS_NAME.test(text);
}

function isCanonicalIpv6(bracketed: string): boolean {
  const url = `http://${bracketed}`;
  return URL.canParse(url) && new URL(url).host === bracketed;
}

/** Most host patterns of a tenant. */
export const HOSTS_MAX = 256;

/** Whether a text is a {@link HostPattern}. */
export function isHostPattern(text: string): boolean {
  return text.startsWith('*.') ? isDnsName(text.slice(2)) : isHostName(text);
}

/** `api.example.com`, or `*.example.com` for exactly one more label or many. */
export const HostPattern = z
  .string()
  .refine(isHostPattern, {
    error: 'must be a lower-case host name without port, or "*." and a host name',
  })
  .describe('Host name, lower case, no port; "*.example.com" matches every name below it.');

/**
 * A path as it is matched: one that a request can have, in the normal form of its path (ADR 9). Parameters and escapes of
 * ASCII characters are left out: a request may spell them in two ways, and both must lead to the same route.
 */
export const PathPattern = z
  .string()
  .max(1024)
  .regex(/^\/[!-~]*$/, {
    error: 'must start with "/" and hold visible ASCII characters only',
    abort: true,
  })
  .refine((text) => !/[?#;\\]|\/\/|\/\.{1,2}(?:\/|$)/.test(text), {
    error: 'must not contain "?", "#", ";", "\\", "//", "/./" or "/../"',
    abort: true,
  })
  .refine((text) => canonicalPath(text) === text && !/%[0-7]/.test(text), {
    error: 'must use "%" only for other scripts, in upper case: "/caf%C3%A9"',
  })
  .describe(
    'Path that starts with "/", compared byte for byte with the normal form of a request\'s.',
  );

/** Header field value that an operator sets: visible ASCII and spaces. */
export const HeaderValue = z
  .string()
  .min(1)
  .max(256)
  .regex(/^[!-~](?:[ -~]*[!-~])?$/, 'must be visible ASCII without surrounding spaces');

/** Duration in ms between `min` and `max`. */
export const durationMs = (min: number, max: number) => z.int().min(min).max(max);

/** A time zone that this process knows, such as `Europe/Berlin` or `UTC`. */
export const TimeZone = z.string().max(64).refine(isTimeZone, {
  error: 'must be a time zone of the IANA database, such as Europe/Berlin or UTC',
});

/** There are about 600, in whatever case they are written; further ones are looked up each time. */
const TIME_ZONES_MAX = 1000;
/** Found before: to look one up takes 0.1 ms, a third of what an edge needs for a change of a tenant. */
const timeZones = new Set<string>();

function isTimeZone(name: string): boolean {
  if (timeZones.has(name)) return true;
  try {
    const { timeZone } = new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions();
    if (timeZone === '') return false;
    // Calendars of quotas know names of the database only; Intl knows PST, IST and some more as well.
    Temporal.Instant.fromEpochMilliseconds(0).toZonedDateTimeISO(name);
  } catch {
    return false;
  }
  if (timeZones.size < TIME_ZONES_MAX) timeZones.add(name);
  return true;
}
