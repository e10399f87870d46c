import { byteStepsOf, type ByteSteps } from './body-bytes.ts';
import { compileRule, type CompiledRule } from './compiled-rule.ts';
import { leaseSpansOf, type LeaseSpans } from './lease-spans.ts';
import { poolTag, tenantTag } from './limit-key.ts';
import {
  assertLimitRule,
  type LimitRule,
  type SharedLevel,
  type WindowRule,
} from './limit-rule.ts';
import { compilePolicyTexts, type PolicyTexts } from './rate-limit-headers.ts';

/** The limits that one request must pass together, compiled when the configuration arrives. Immutable. */
export interface LimitChain {
  /** Equal for chains with equal keys and limits; requests of equal chains are merged into one store entry. */
  readonly id: string;
  /** Empty for the chain of a pool. */
  readonly tenantId: string;
  /** Prefix of all keys; decides the Redis Cluster slot. */
  readonly tenantTag: string;
  readonly rules: readonly LimitRule[];
  /** Same order as `rules`. */
  readonly compiled: readonly CompiledRule[];
  /** Store keys, same order as `rules`. */
  readonly storeKeys: readonly string[];
  /** The numbers of the rules one after the other, as the take script reads them. */
  readonly storeArguments: readonly string[];
  /** Largest cost that can ever be admitted: the smallest capacity of the rules that count requests; Infinity if none does. */
  readonly costMax: number;
  /** What becomes of a request while the store is lost; `closed` in one rule closes the chain. */
  readonly onStoreLoss: LimitRule['onStoreLoss'];
  /** A rule of kind `concurrency` is in the chain: what is admitted must be released. */
  readonly hasSlots: boolean;
  /** How it may be leased; null if never. */
  readonly leaseSpans: LeaseSpans | null;
  /** A rule of kind `quota` is in the chain: the store is told the calendar with each call. */
  readonly hasQuotas: boolean;
  /** How bytes of bodies are taken; null if no rule counts them. Then a take is told no bytes, else it must be. */
  readonly byteSteps: ByteSteps | null;
  readonly policyTexts: PolicyTexts;
}

/**
 * Rules per chain: five lists of at most 8 (the plan's and the tenant's limits, the plan's and the key's key limits, the
 * route's), so that no configuration that was accepted can fail here. Bounds the work of one store entry.
 */
const RULES_MAX = 40;

/**
 * Compiles the rules of one tenant (at most one API key and one route) into a chain. Call it at config time, or keep
 * the chain: it takes some µs.
 *
 * @param rules 1–40 rules with distinct (kind, level, scope, consumer, name, windowMs).
 * @throws RangeError on a rule that validated configuration cannot hold.
 */
export function compileChain(tenantId: string, rules: readonly LimitRule[]): LimitChain {
  return compileRules(tenantId, tenantTag(tenantId), rules);
}

/** A limit that tenants share: windows only, since what another level refuses has to be given back. */
export type SharedRule = Omit<WindowRule, 'kind' | 'level' | 'scope' | 'consumer'>;

/**
 * Compiles the limits of one entity of a pool. Their keys are in a slot of their own, so that they are taken in a step of
 * their own: {@link SharedLevels}.
 *
 * @param rules 1–40 windows with distinct names.
 * @throws RangeError as `compileChain` does.
 */
export function compileSharedChain(
  level: SharedLevel,
  entity: string,
  rules: readonly SharedRule[],
): LimitChain {
  const owned = rules.map((rule): LimitRule => ({ ...rule, level, scope: entity }));
  return compileRules('', poolTag(level, entity), owned);
}

function compileRules(tenantId: string, tag: string, rules: readonly LimitRule[]): LimitChain {
  if (rules.length < 1 || rules.length > RULES_MAX) {
    throw new RangeError(`a chain has 1-${RULES_MAX} rules, got ${rules.length}`);
  }
  for (const rule of rules) assertLimitRule(rule);
  const compiled = rules.map((rule) => compileRule(tag, rule));
  const storeKeys = compiled.map(({ key }) => key);
  if (new Set(storeKeys).size !== storeKeys.length) {
    throw new RangeError(
      `two rules of tenant ${tenantId || tag} have the same kind, level, name and window`,
    );
  }
  return {
    id: compiled.map(chainIdPart).join(' '),
    tenantId,
    tenantTag: tag,
    rules,
    compiled,
    storeKeys,
    storeArguments: compiled.flatMap(({ storeArguments }) => storeArguments),
    costMax: Math.min(
      ...compiled.flatMap(({ unit, capacity }) => (unit === 'requests' ? [capacity] : [])),
    ),
    onStoreLoss: onStoreLossOf(rules),
    hasSlots: compiled.some(({ kind }) => kind === 'concurrency'),
    leaseSpans: leaseSpansOf(compiled),
    hasQuotas: compiled.some(({ kind }) => kind === 'quota'),
    byteSteps: byteStepsOf(compiled),
    policyTexts: compilePolicyTexts(rules),
  };
}

/** Everything that two chains must have in common to be merged. */
function chainIdPart({ key, capacity, rule }: CompiledRule): string {
  const zone = rule.kind === 'quota' ? `@${rule.timeZone}` : '';
  return `${key}=${rule.limit}+${capacity}/${rule.onStoreLoss}${zone}`;
}

/** The strictest policy of the chain: closed before share before open. */
function onStoreLossOf(rules: readonly LimitRule[]): LimitRule['onStoreLoss'] {
  if (rules.some(({ onStoreLoss }) => onStoreLoss === 'closed')) return 'closed';
  return rules.some(({ onStoreLoss }) => onStoreLoss === 'share') ? 'share' : 'open';
}
