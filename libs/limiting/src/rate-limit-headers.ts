import type { LimitChain } from './limit-chain.ts';
import { ruleCapacity, ruleSpanMs, ruleUnit, type LimitRule } from './limit-rule.ts';
import type { LimitVerdict } from './verdict.ts';

/** Text for clients that depends on the rules only. */
export interface PolicyTexts {
  /** Indices into `chain.rules` of the policies to show, by violated rule; the last element is for "none". */
  readonly shown: readonly (readonly number[])[];
  /** The `RateLimit-Policy` line for each element of `shown`, with its CRLF. */
  readonly policyLines: readonly string[];
  /** The quoted policy name of each rule, an RFC 9651 string. */
  readonly names: readonly string[];
  /** What is told when each rule is violated. */
  readonly details: readonly string[];
  /** The lines of the last denial from memory, by violated rule. */
  readonly denials: readonly DenialLines[];
}

/** The lines of a denial, which are the same in all denials of a second. */
interface DenialLines {
  /** The value of `t`; -1 before the first denial. */
  resetSeconds: number;
  retryAfter: string;
  lines: string;
}

/** A limit of bytes is as tight as one of as many requests of this size. */
const TYPICAL_BYTES = 10_000;

/** At most this many policies are shown to a client. */
const SHOWN_MAX = 2;

/**
 * Header lines of draft-ietf-httpapi-ratelimit-headers-10, each ended by CRLF: `RateLimit-Policy`, `RateLimit` when
 * the usage is known, `Retry-After` when denied for a time. At most the two tightest policies, a violated one first.
 *
 * @hot
 */
export function rateLimitHeaders(chain: LimitChain, verdict: LimitVerdict): string {
  const { source, ruleIndex, resetMs, retryAfterMs } = verdict;
  const known = chain.policyTexts.denials[ruleIndex];
  if (source !== 'deny_cache' || known === undefined || retryAfterMs === Infinity) {
    return policyLine(chain, verdict) + usageLine(chain, verdict) + retryAfterLine(verdict);
  }
  // Of the other rules nothing is known then, and of the violated one that nothing is left.
  const resetSeconds = Math.ceil((resetMs[ruleIndex] ?? 0) / 1000);
  const retryAfter = retryAfterLine(verdict);
  if (resetSeconds !== known.resetSeconds || retryAfter !== known.retryAfter) {
    // One piece of memory, which is quicker to copy than a text of several.
    known.lines = [policyLine(chain, verdict), usageLine(chain, verdict), retryAfter].join('');
    known.resetSeconds = resetSeconds;
    known.retryAfter = retryAfter;
  }
  return known.lines;
}

/** Which fields tell a client of its limits. */
export type LimitHeadersFormat = 'ietf' | 'x-ratelimit' | 'both' | 'off';

/** The lines for a verdict, each ended by CRLF; `Retry-After` is always among them when denied for a time. @hot */
export type LimitHeaders = (chain: LimitChain, verdict: LimitVerdict) => string;

/** The lines in a format: {@link rateLimitHeaders} is `ietf`. */
export function limitHeadersOf(format: LimitHeadersFormat): LimitHeaders {
  if (format === 'ietf') return rateLimitHeaders;
  if (format === 'off') return (_, verdict) => retryAfterLine(verdict);
  if (format === 'both') {
    return (chain, verdict) => legacyLines(chain, verdict) + rateLimitHeaders(chain, verdict);
  }
  return (chain, verdict) => legacyLines(chain, verdict) + retryAfterLine(verdict);
}

/**
 * `X-RateLimit-*` have room for one policy: the first of those shown whose usage is known. `Reset` counts seconds from now, as `t` does. Without
 * any known usage nothing is told.
 */
function legacyLines(chain: LimitChain, verdict: LimitVerdict): string {
  const shown = chain.policyTexts.shown[variantOf(chain, verdict)] ?? [];
  for (let position = 0; position < shown.length; position += 1) {
    const index = shown[position] ?? 0;
    const remaining = verdict.remaining[index] ?? -1;
    const rule = chain.rules[index];
    if (remaining < 0 || rule === undefined) continue;
    const lines = `X-RateLimit-Limit: ${quota(rule)}\r\nX-RateLimit-Remaining: ${remaining}\r\n`;
    if (rule.kind === 'concurrency') return lines; // nobody knows when a slot returns
    return `${lines}X-RateLimit-Reset: ${Math.ceil((verdict.resetMs[index] ?? 0) / 1000)}\r\n`;
  }
  return '';
}

function policyLine(chain: LimitChain, verdict: LimitVerdict): string {
  return chain.policyTexts.policyLines[variantOf(chain, verdict)] ?? '';
}

/** Index into the texts that depend on which rule is violated, if any. */
function variantOf({ rules }: LimitChain, { ruleIndex }: LimitVerdict): number {
  return ruleIndex === -1 ? rules.length : ruleIndex;
}

/** `RateLimit` when the usage is known; else nothing. */
function usageLine(chain: LimitChain, verdict: LimitVerdict): string {
  const texts = chain.policyTexts;
  const shown = texts.shown[variantOf(chain, verdict)] ?? [];
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
  return usage === '' ? '' : usage + '\r\n';
}

/** `Retry-After` lines by seconds, made when first needed. */
const RETRY_AFTER: string[] = [];
const RETRY_AFTER_MAX = 1000;

/** The `Retry-After` line of a request that is denied for a time; else nothing. @hot */
export function retryAfterLine({ outcome, retryAfterMs }: LimitVerdict): string {
  if (outcome !== 'denied' || retryAfterMs === Infinity) return '';
  const seconds = Math.max(1, Math.ceil(retryAfterMs / 1000));
  return RETRY_AFTER[seconds] ?? addRetryAfter(seconds);
}

function addRetryAfter(seconds: number): string {
  const line = ['Retry-After: ', seconds, '\r\n'].join('');
  if (seconds < RETRY_AFTER_MAX) RETRY_AFTER[seconds] = line;
  return line;
}

/** A sentence for a request that is denied: which limit is exceeded; '' if it is none of the chain's. @hot */
export function denialDetail(chain: LimitChain, { ruleIndex }: LimitVerdict): string {
  return chain.policyTexts.details[ruleIndex] ?? '';
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
    (rule, index) => `${names[index] ?? ''};q=${quota(rule)}${window(rule)}${burst(rule)}`,
  );
  return {
    shown,
    names,
    details: rules.map(({ name }) => `The limit "${name}" is exceeded.`),
    denials: rules.map(() => ({ resetSeconds: -1, retryAfter: '', lines: '' })),
    policyLines: shown.map(
      (indices) =>
        `RateLimit-Policy: ${indices.map((index) => policies[index] ?? '').join(', ')}\r\n`,
    ),
  };
}

function ratePerMs(rule: LimitRule | undefined): number {
  if (rule === undefined || rule.kind === 'concurrency') return Infinity;
  return quota(rule) / ruleSpanMs(rule) / (ruleUnit(rule) === 'requests' ? 1 : TYPICAL_BYTES);
}

/** Of a rate what comes back in its window, else what requests of this class can have of the limit. */
function quota(rule: LimitRule): number {
  return rule.kind === 'rate' ? rule.limit : ruleCapacity(rule);
}

/**
 * The draft's `w` counts whole seconds; a window that is none is left out rather than misstated. Slots have the draft's
 * quota unit of requests in flight instead, bytes that of bytes of content; a period of the calendar has no fixed length and a parameter of our own.
 */
function window(rule: LimitRule): string {
  if (rule.kind === 'concurrency') return ';qu="concurrent-requests"';
  const unit = ruleUnit(rule) === 'requests' ? '' : ';qu="content-bytes"';
  if (rule.kind === 'quota') return `${unit};period=${rule.period}`;
  return rule.windowMs % 1000 === 0 ? `${unit};w=${rule.windowMs / 1000}` : unit;
}

/** What a rate lets pass at once, a parameter of our own; `r` may be as large as this. */
function burst(rule: LimitRule): string {
  return rule.kind === 'rate' ? `;burst=${ruleCapacity(rule)}` : '';
}
