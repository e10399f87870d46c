import type { LimitRule } from './limit-rule.ts';

/**
 * The store key of a rule's usage: `hg:{t:<tenant>}:<kind>:<level>:<scope>:<name>:<windowMs>`, kind `w` or `r`; kind `c`
 * (concurrency) has no window.
 *
 * The braces are the Redis Cluster hash tag, so that all keys of a tenant share a slot. Every part is escaped
 * injectively and cannot hold `:`, `{` or `}`; equal keys therefore mean equal parts, whatever text tenants choose.
 * Limit and burst are not part of the key: a changed limit acts on the usage so far. A changed window or kind starts
 * afresh.
 */
export function limitKey(tenantId: string, rule: LimitRule): string {
  const level = rule.level === 'tenant' ? 't' : 'k';
  const scope = escapeKeyPart(rule.scope);
  const name = escapeKeyPart(rule.name);
  const tag = tenantTag(tenantId);
  if (rule.kind === 'concurrency') return `${tag}:c:${level}:${scope}:${name}`;
  const kind = rule.kind === 'rate' ? 'r' : 'w';
  return `${tag}:${kind}:${level}:${scope}:${name}:${rule.windowMs}`;
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
