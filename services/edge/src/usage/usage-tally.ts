import type { LimitUsage } from '@headgate/bus';
import {
  ruleSpanMs,
  type CompiledRule,
  type LimitChain,
  type LimitVerdict,
} from '@headgate/limiting';
import { UsageMerge } from './usage-merge.ts';

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
    const merge = new UsageMerge();
    for (const [chain, count] of this.#chains) {
      for (const [index, compiled] of chain.compiled.entries()) {
        merge.add(usageOf(chain.tenantId, compiled, count, index));
      }
    }
    this.#chains = new Map();
    return merge.take();
  }
}

function usageOf(
  tenantId: string,
  compiled: CompiledRule,
  { admitted, alone, denied, verdict }: ChainCount,
  index: number,
): LimitUsage {
  const { level, scope, consumer = null, name, limit } = compiled.rule;
  const left = verdict.remaining[index] ?? -1;
  return {
    ...{ tenantId, level, scope, consumer, name, kind: compiled.kind, limit },
    ...{ capacity: compiled.capacity, spanMs: ruleSpanMs(compiled.rule) },
    ...{ admitted, alone, denied: denied[index] ?? 0 },
    remaining: left < 0 ? null : left,
    resetMs: Math.max(0, Math.round(verdict.resetMs[index] ?? 0)),
  };
}
