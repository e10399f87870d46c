import type { LimitRule } from './limit-rule.ts';

const LEVELS = { tenant: 't', key: 'k', route: 'r' } as const;

/**
 * The store key of a rule's usage: `hg:{t:<tenant>}:<kind>:<level>:<scope>:<name>:<windowMs>`, kind `w` or `r`; kind `c`
 * (concurrency) has no window, kind `q` (quota) a period in its place. Of a rule with a consumer the level is followed by `c`, the scope by `:<consumer>`.
 *
 * The braces are the Redis Cluster hash tag, so that all keys of a tenant share a slot. Every part is escaped
 * injectively and cannot hold `:`, `{` or `}`; equal keys therefore mean equal parts, whatever text tenants choose.
 * Limit and burst are not part of the key: a changed limit acts on the usage so far. A changed window or kind starts
 * afresh.
 */
export function limitKey(tenantId: string, rule: LimitRule): string {
  const { kind, consumer } = rule;
  const level = LEVELS[rule.level];
  const scope = escapeKeyPart(rule.scope);
  const owner =
    consumer === undefined ? `${level}:${scope}` : `${level}c:${scope}:${escapeKeyPart(consumer)}`;
  const place = `${owner}:${escapeKeyPart(rule.name)}`;
  const tag = tenantTag(tenantId);
  if (kind === 'concurrency') return `${tag}:c:${place}`;
  if (kind === 'quota') return `${tag}:q:${place}:${rule.period}`;
  return `${tag}:${kind === 'rate' ? 'r' : 'w'}:${place}:${rule.windowMs}`;
}

/** The part of every key of a tenant that decides its Redis Cluster slot. */
export function tenantTag(tenantId: string): string {
  return `hg:{t:${escapeKeyPart(tenantId)}}`;
}

/** Replaces each UTF-16 unit outside `[A-Za-z0-9_.-]` by `%` and four hex digits; works on lone surrogates too. */
function escapeKeyPart(text: string): string {
  return text.replace(
    /[^A-Za-z0-9_.-]/g,
    (unit) => `%${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
