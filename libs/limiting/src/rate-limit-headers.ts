import type { LimitChain } from './limit-chain.ts';
import { ruleSpanMs, type LimitRule } from './limit-rule.ts';
import type { LimitVerdict } from './verdict.ts';

/** Header text that depends on the rules only. */
export interface PolicyTexts {
  /** Indices into `chain.rules` of the policies to show, by violated rule; the last element is for "none". */
  readonly shown: readonly (readonly number[])[];
  /** The `RateLimit-Policy` line for each element of `shown`, with its CRLF. */
  readonly policyLines: readonly string[];
  /** The quoted policy name of each rule, an RFC 9651 string. */
  readonly names: readonly string[];
}

/** At most this many policies are shown to a client. */
const SHOWN_MAX = 2;

/**
 * Header lines of draft-ietf-httpapi-ratelimit-headers-10, each ended by CRLF: `RateLimit-Policy`, `RateLimit` when
 * the usage is known, `Retry-After` when denied for a time. At most the two tightest policies, a violated one first.
 *
 * @hot
 */
export function rateLimitHeaders(chain: LimitChain, verdict: LimitVerdict): string {
  const texts = chain.policyTexts;
  const variant = verdict.ruleIndex === -1 ? chain.rules.length : verdict.ruleIndex;
  const shown = texts.shown[variant] ?? [];
  let usage = '';
  for (let position = 0; position < shown.length; position += 1) {
    const index = shown[position] ?? 0;
    const remaining = verdict.remaining[index] ?? -1;
    if (remaining < 0) continue;
    const separator = usage === '' ? 'RateLimit: ' : ', ';
    usage += `${separator}${texts.names[index] ?? ''};r=${remaining}`;
    if (chain.compiled[index]?.kind === 'concurrency') continue; // nobody knows when a slot returns
    usage += `;t=${Math.ceil((verdict.resetMs[index] ?? 0) / 1000)}`;
  }
  let lines = texts.policyLines[variant] ?? '';
  if (usage !== '') lines += `${usage}\r\n`;
  if (verdict.outcome === 'denied' && verdict.retryAfterMs !== Infinity) {
    lines += `Retry-After: ${Math.max(1, Math.ceil(verdict.retryAfterMs / 1000))}\r\n`;
  }
  return lines;
}

/** Precomputes the static part for every violated rule and for "none". */
export function compilePolicyTexts(rules: readonly LimitRule[]): PolicyTexts {
  const tightestFirst = rules
    .map((_, index) => index)
    .sort((left, right) => ratePerMs(rules[left]) - ratePerMs(rules[right]));
  const shown: number[][] = [];
  for (let violated = 0; violated <= rules.length; violated += 1) {
    const others = tightestFirst.filter((index) => index !== violated);
    const candidates = violated < rules.length ? [violated, ...others] : others;
    shown.push(candidates.slice(0, SHOWN_MAX));
  }
  const names = rules.map(({ name }) => `"${name.replace(/["\\]/g, '\\$&')}"`);
  const policies = rules.map(
    (rule, index) => `${names[index] ?? ''};q=${rule.limit}${window(rule)}${burst(rule)}`,
  );
  return {
    shown,
    names,
    policyLines: shown.map(
      (indices) =>
        `RateLimit-Policy: ${indices.map((index) => policies[index] ?? '').join(', ')}\r\n`,
    ),
  };
}

function ratePerMs(rule: LimitRule | undefined): number {
  if (rule === undefined || rule.kind === 'concurrency') return Infinity;
  return rule.limit / ruleSpanMs(rule);
}

/**
 * The draft's `w` counts whole seconds; a window that is none is left out rather than misstated. Slots have the draft's
 * quota unit of requests in flight instead, a period of the calendar has no fixed length and a parameter of our own.
 */
function window(rule: LimitRule): string {
  if (rule.kind === 'concurrency') return ';qu="concurrent-requests"';
  if (rule.kind === 'quota') return `;period=${rule.period}`;
  return rule.windowMs % 1000 === 0 ? `;w=${rule.windowMs / 1000}` : '';
}

/** What a rate lets pass at once, a parameter of our own; `r` may be as large as this. */
function burst(rule: LimitRule): string {
  return rule.kind === 'rate' ? `;burst=${rule.burst}` : '';
}
