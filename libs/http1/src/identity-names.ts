/**
 * Names by which proxies tell endpoints who is calling and for what, beside {@link IDENTITY_PREFIXES}; lower case. What a
 * client says by them is a lie or a mistake: the edge drops them unless they come from a trusted source, and refuses
 * their aliases with `_`.
 */
export const IDENTITY_NAMES = Object.freeze([
  'x-real-ip',
  'x-client-ip',
  'x-cluster-client-ip',
  'x-request-id',
  'x-original-host',
  'x-original-url',
  'x-rewrite-url',
] as const);

/** Starts of such names. */
export const IDENTITY_PREFIXES = Object.freeze([
  'x-forwarded',
  'x-tenant',
  'x-consumer',
  'x-headgate',
] as const);
