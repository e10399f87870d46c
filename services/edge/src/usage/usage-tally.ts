import type { LimitUsage } from '@headgate/bus';
import {
  ruleSpanMs,
  wholeCapacity,
  type BodyBytes,
  type CompiledRule,
  type LimitChain,
  type LimitRule,
  type LimitVerdict,
} from '@headgate/limiting';
import { mostImportant, type UsageWeight } from './usage-merge.ts';

/**
 * Chains noted between two reports, and as many again of consumers. Of further ones of consumers only their limits without a
 * consumer are reported, up to this number; of other chains nothing.
 */
const CHAINS_MAX = 1024;

/** Counts of one chain since the last report. */
interface ChainCount {
  admitted: number;
  alone: number;
  /** By rule. */
  readonly denied: number[];
  /** Of a chain that counts bytes; null before any were admitted. */
  bytes: ByteCount | null;
  /** The last one that knows what is left; null for none. */
  verdict: LimitVerdict | null;
}

/**
 * Counts what the limits of a worker admit and refuse, for reports once a second. Nothing depends on it: it looks at
 * verdicts, whoever gave them.
 */
export class UsageTally {
  #chains = new Map<LimitChain, ChainCount>();
  /** Of them those with a counter for each consumer: clients from ever new addresses hide no other tenant. */
  #ofConsumers = 0;
  /** By key what further chains of consumers have in common: limits of the tenant, the API key and the route. */
  #shared = new Map<string, LimitCount>();

  /** A verdict was given on `cost`, and on `bytes` if the chain counts them. @hot */
  note(
    chain: LimitChain,
    verdict: LimitVerdict,
    cost: number,
    bytes: BodyBytes | null = null,
  ): void {
    const known = this.#chains.get(chain) ?? this.#addChain(chain);
    if (known === null && !hasConsumer(chain)) return;
    const count = known ?? emptyCount(chain);
    if (verdict.remaining.length > 0) count.verdict = verdict;
    if (verdict.outcome === 'admitted') {
      const alone = verdict.source === 'share' || verdict.source === 'open';
      count.admitted += cost;
      if (alone) count.alone += cost;
      if (bytes !== null) (count.bytes ??= new ByteCount()).add(bytes, alone);
    } else if (verdict.outcome === 'denied' && verdict.ruleIndex !== -1) {
      count.denied[verdict.ruleIndex] = (count.denied[verdict.ruleIndex] ?? 0) + 1;
    }
    if (known === null) this.#addShared(chain, count);
  }

  /** Bytes that were noted as admitted will not pass. */
  giveBack(chain: LimitChain, { request, response }: BodyBytes): void {
    const known = this.#chains.get(chain) ?? this.#addChain(chain);
    if (known === null && !hasConsumer(chain)) return;
    const count = known ?? emptyCount(chain);
    count.bytes ??= new ByteCount();
    count.bytes.add({ request: -request, response: -response }, false);
    if (known === null) this.#addShared(chain, count);
  }

  /** What has been noted since the last call, the limits that matter most first. */
  take(): LimitUsage[] {
    const limits = this.#shared;
    for (const [chain, count] of this.#chains) {
      for (const [index, compiled] of chain.compiled.entries()) {
        countOf(limits, chain, compiled, Infinity)?.add(count, index, compiled);
      }
    }
    this.#chains = new Map();
    this.#ofConsumers = 0;
    this.#shared = new Map();
    return mostImportant([...limits.values()]).map((limit) => limit.toUsage());
  }

  #addChain(chain: LimitChain): ChainCount | null {
    const isOfConsumer = hasConsumer(chain);
    const known = isOfConsumer ? this.#ofConsumers : this.#chains.size - this.#ofConsumers;
    if (known >= CHAINS_MAX) return null;
    if (isOfConsumer) this.#ofConsumers += 1;
    const count = emptyCount(chain);
    this.#chains.set(chain, count);
    return count;
  }

  /** Counts what a chain of consumers has found no room to count for itself. */
  #addShared(chain: LimitChain, count: ChainCount): void {
    for (const [index, compiled] of chain.compiled.entries()) {
      if (compiled.rule.consumer !== undefined) continue;
      countOf(this.#shared, chain, compiled, CHAINS_MAX)?.add(count, index, compiled);
    }
  }
}

/** The count of a limit, made if there is room for it; else null. */
function countOf(
  limits: Map<string, LimitCount>,
  { tenantId }: LimitChain,
  compiled: CompiledRule,
  countsMax: number,
): LimitCount | null {
  const known = limits.get(compiled.key);
  if (known !== undefined) return known;
  if (limits.size >= countsMax) return null;
  const made = new LimitCount(tenantId, compiled);
  limits.set(compiled.key, made);
  return made;
}

function emptyCount(chain: LimitChain): ChainCount {
  const denied = chain.rules.map(() => 0);
  return { admitted: 0, alone: 0, denied, bytes: null, verdict: null };
}

function hasConsumer(chain: LimitChain): boolean {
  return chain.rules.some(({ consumer }) => consumer !== undefined);
}

/** Bytes that a chain took, less those that were given back: below 0 if these had been reported already. */
class ByteCount {
  readonly admitted = { 'request-bytes': 0, 'response-bytes': 0 };
  readonly alone = { 'request-bytes': 0, 'response-bytes': 0 };

  add({ request, response }: BodyBytes, alone: boolean): void {
    for (const sums of alone ? [this.admitted, this.alone] : [this.admitted]) {
      sums['request-bytes'] += request;
      sums['response-bytes'] += response;
    }
  }
}

/** One limit of all chains. Only those that are told of become messages: a busy worker counts thousands. */
class LimitCount implements UsageWeight {
  admitted = 0;
  denied = 0;
  remaining: number | null = null;
  capacity = 0;
  readonly consumer: string | null;
  readonly #tenantId: string;
  readonly #compiled: CompiledRule;
  /** The larger one while a limit changes, and its capacity likewise: what is counted was allowed by one or the other. */
  #limit = 0;
  #alone = 0;
  #resetMs = 0;

  constructor(tenantId: string, compiled: CompiledRule) {
    this.#tenantId = tenantId;
    this.#compiled = compiled;
    this.consumer = compiled.rule.consumer ?? null;
  }

  /** The counts of a chain, and this limit as it has it. */
  add(
    { admitted, alone, denied, bytes, verdict }: ChainCount,
    index: number,
    { rule }: CompiledRule,
  ): void {
    const { unit } = this.#compiled;
    this.#limit = Math.max(this.#limit, rule.limit);
    this.capacity = Math.max(this.capacity, wholeCapacity(rule));
    this.admitted += unit === 'requests' ? admitted : (bytes?.admitted[unit] ?? 0);
    this.#alone += unit === 'requests' ? alone : (bytes?.alone[unit] ?? 0);
    this.denied += denied[index] ?? 0;
    const left = verdict?.remaining[index] ?? -1;
    if (verdict === null || left < 0) return;
    this.remaining = leftOfAll(left, rule, this.remaining);
    this.#resetMs = Math.max(0, Math.round(verdict.resetMs[index] ?? 0));
  }

  toUsage(): LimitUsage {
    const { kind, unit, rule } = this.#compiled;
    const { level, scope, name, shadow = false } = rule;
    return {
      ...{ tenantId: this.#tenantId, level, scope, consumer: this.consumer, name, kind, unit },
      ...{ shadow, limit: this.#limit, capacity: this.capacity, spanMs: ruleSpanMs(rule) },
      ...{ admitted: this.admitted, alone: this.#alone },
      ...{ denied: this.denied, remaining: this.remaining, resetMs: this.#resetMs },
    };
  }
}

/**
 * What is left of the whole limit. Requests that leave a part of it to others are told nothing of that part: it counts as
 * left, unless others know of less.
 */
function leftOfAll(left: number, { headroom = 0 }: LimitRule, known: number | null): number {
  return headroom === 0 ? left : Math.min(left + headroom, known ?? Infinity);
}
