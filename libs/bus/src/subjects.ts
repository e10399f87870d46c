// Every name that Headgate uses on NATS. KV bucket names cannot contain dots.

/** KV bucket of configuration documents; keys are `<kind>.<id>`, and {@link DIGEST_KEY}. */
export const CONFIG_BUCKET = 'headgate-config-v1';
/** KV bucket of upstream health; keys are `<tenantId>.<upstreamId>`, those of shared ones `_.<upstreamId>`. */
export const HEALTH_BUCKET = 'headgate-health-v1';
/** Key of the newest digest in the config bucket; no document key lacks a dot. */
export const DIGEST_KEY = 'digest';

/** Core NATS subjects. Permissions can be given per service on these prefixes. */
export const subjects = {
  /** Broadcast of the newest digest. */
  configDigest: 'headgate.config.v1.digest',
  /** Requests to the config-service: newest digest, keys of one bucket, documents by key. */
  configDigestGet: 'headgate.config.v1.digest.get',
  configList: 'headgate.config.v1.list',
  configGet: 'headgate.config.v1.get',
  /** Batches of acknowledgements from edges. */
  configAck: 'headgate.config.v1.ack',
  /** What edges see of limits, once a second. */
  limitUsage: 'headgate.limits.v1.usage',
  /** What tenants ask of edges, every five seconds. */
  tenantDemand: 'headgate.limits.v1.demand',
  /** What edges count of tenants in a rollout. */
  rolloutCounts: 'headgate.rollouts.v1.counts',
} as const;

/** Subject of a member's heartbeats; both parts are encoded, so any id is safe. */
export function presenceSubject(kind: string, id: string): string {
  return `headgate.presence.v1.${encodeToken(kind)}.${encodeToken(id)}`;
}

/** Subject pattern of the heartbeats of all members of a kind. */
export function presencePattern(kind: string): string {
  return `headgate.presence.v1.${encodeToken(kind)}.*`;
}

/**
 * Encodes any text as one subject token: letters, digits, `_` and `-` stay, every other byte of
 * its UTF-8 becomes `=XX`. Injective, never empty (the empty text becomes `=`).
 */
export function encodeToken(text: string): string {
  if (text === '') return '=';
  let token = '';
  for (const byte of Buffer.from(text, 'utf8')) {
    const character = String.fromCharCode(byte);
    token += /[A-Za-z0-9_-]/.test(character)
      ? character
      : `=${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return token;
}
