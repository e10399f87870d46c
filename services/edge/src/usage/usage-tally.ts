import type { LimitUsage } from '@headgate/bus';
import {
  ruleSpanMs,
  type CompiledRule,
  type LimitChain,
  type LimitVerdict,
} from '@headgate/limiting';
import { mostImportant, type UsageWeight } from './usage-merge.ts';

/** Chains noted between two reports; the requests of further ones are not reported. */
const CHAINS_MAX = 1024;

/** Counts of one chain since the last report. */
interface ChainCount {
  admitted: number;
  alone: number;
  /** By rule. */
  readonly denied: number[];
  /** The last one that knows what is left. */
  verdict: LimitVerdict;
}

/**
 * Counts what the limits of a worker admit and refuse, for reports once a second. Nothing depends on it: it looks at
 * verdicts, whoever gave them.
 */
export class UsageTally {
  #chains = new Map<LimitChain, ChainCount>();

  /** A verdict was given. @hot */
  note(chain: LimitChain, verdict: LimitVerdict, cost: number): void {
    let count = this.#chains.get(chain);
    if (count === undefined) {
      if (this.#chains.size >= CHAINS_MAX) return;
      count = { admitted: 0, alone: 0, denied: chain.rules.map(() => 0), verdict };
      this.#chains.set(chain, count);
    }
    if (verdict.remaining.length > 0) count.verdict = verdict;
    if (verdict.outcome === 'admitted') {
      count.admitted += cost;
      if (verdict.source === 'share' || verdict.source === 'open') count.alone += cost;
    } else if (verdict.outcome === 'denied') {
      count.denied[verdict.ruleIndex] = (count.denied[verdict.ruleIndex] ?? 0) + 1;
    }
  }

  /** What has been noted since the last call, the limits that matter most first. */
  take(): LimitUsage[] {
    const limits = new Map<string, LimitCount>();
    for (const [chain, count] of this.#chains) {
      for (let index = 0; index < chain.compiled.length; index += 1) {
        const compiled = chain.compiled[index];
        if (compiled === undefined) break;
        let limit = limits.get(compiled.key);
        if (limit === undefined) {
          limit = new LimitCount(chain.tenantId, compiled);
          limits.set(compiled.key, limit);
        }
        limit.add(count, index);
      }
    }
    this.#chains = new Map();
    return mostImportant([...limits.values()]).map((limit) => limit.toUsage());
  }
}

/** One limit of all chains. Only those that are told of become messages: a busy worker counts thousands. */
class LimitCount implements UsageWeight {
  admitted = 0;
  denied = 0;
  remaining: number | null = null;
  readonly #tenantId: string;
  readonly #compiled: CompiledRule;
  #alone = 0;
  #resetMs = 0;

  constructor(tenantId: string, compiled: CompiledRule) {
    this.#tenantId = tenantId;
    this.#compiled = compiled;
  }

  get capacity(): number {
    return this.#compiled.capacity;
  }

  add({ admitted, alone, denied, verdict }: ChainCount, index: number): void {
    this.admitted += admitted;
    this.#alone += alone;
    this.denied += denied[index] ?? 0;
    const left = verdict.remaining[index] ?? -1;
    if (left < 0) return;
    this.remaining = left;
    this.#resetMs = Math.max(0, Math.round(verdict.resetMs[index] ?? 0));
  }

  toUsage(): LimitUsage {
    const { kind, rule, capacity } = this.#compiled;
    const { level, scope, consumer = null, name, limit } = rule;
    return {
      ...{ tenantId: this.#tenantId, level, scope, consumer, name, kind, limit, capacity },
      ...{ spanMs: ruleSpanMs(rule), admitted: this.admitted, alone: this.#alone },
      ...{ denied: this.denied, remaining: this.remaining, resetMs: this.#resetMs },
    };
  }
}
