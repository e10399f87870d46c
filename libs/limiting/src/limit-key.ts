import { ruleUnit, type LimitRule, type SharedLevel } from './limit-rule.ts';

/** Follows the letter of the kind. */
const UNITS = { requests: '', 'request-bytes': 'i', 'response-bytes': 'o' } as const;

const LEVELS = { tenant: 't', key: 'k', route: 'r', pool: 'p', platform: 'g' } as const;

/**
 * The store key of a rule's usage: `<tag>:<kind>:<level>:<scope>:<name>:<windowMs>`, tag `hg:{t:<tenant>}`, of a pool
 * `hg:{p:<entity>}`, of the platform's `hg:{g:<entity>}`; kind `w` or `r`; kind `c`
 * (concurrency) has no window, kind `q` (quota) a period in its place. Of bytes the kind is followed by `i` (of requests) or `o` (of
 * responses). Of a rule with a consumer the level is followed by `c`, the scope by `:<consumer>`.
 *
 * The braces are the Redis Cluster hash tag, so that all keys of a tenant, or of an entity, share a slot. Every part is escaped
 * injectively and cannot hold `:`, `{` or `}`; equal keys therefore mean equal parts, whatever text tenants choose.
 * Limit and burst are not part of the key: a changed limit acts on the usage so far. A changed window or kind starts
 * afresh.
 */
export function limitKey(tag: string, rule: LimitRule): string {
  const { kind, consumer } = rule;
  const level = LEVELS[rule.level];
  const scope = escapeKeyPart(rule.scope);
  const owner =
    consumer === undefined ? `${level}:${scope}` : `${level}c:${scope}:${escapeKeyPart(consumer)}`;
  const place = `${owner}:${escapeKeyPart(rule.name)}`;
  if (kind === 'concurrency') return `${tag}:c:${place}`;
  const unit = UNITS[ruleUnit(rule)];
  if (kind === 'quota') return `${tag}:q${unit}:${place}:${rule.period}`;
  return `${tag}:${kind === 'rate' ? 'r' : 'w'}${unit}:${place}:${rule.windowMs}`;
}

/** Of a key of {@link limitKey}: whether it counts one consumer, of whom there may be any number. */
export function isConsumerKey(key: string): boolean {
  return /^hg:\{[^}]*\}:[a-z]{1,2}:[a-z]c:/.test(key);
}

/** The part of every key of a tenant that decides its Redis Cluster slot. */
export function tenantTag(tenantId: string): string {
  return `hg:{t:${escapeKeyPart(tenantId)}}`;
}

/** The same for an entity of a pool. */
export function poolTag(level: SharedLevel, entity: string): string {
  return `hg:{${LEVELS[level]}:${escapeKeyPart(entity)}}`;
}

/** Replaces each UTF-16 unit outside `[A-Za-z0-9_.-]` by `%` and four hex digits; works on lone surrogates too. */
function escapeKeyPart(text: string): string {
  return text.replace(
    /[^A-Za-z0-9_.-]/g,
    (unit) => `%${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
