import type { Clock } from '@headgate/runtime';
import type { LimiterStats } from './limiter-stats.ts';
import type { LimitStore, ReplayItem } from './limit-store.ts';
import type { LocalRule, LocalRules } from './local-rules.ts';
import type { UsageReport } from './local-usage.ts';
import type { EdgeShare } from './share.ts';

/** Rules per replay call: about 1 ms of the store's time. */
const REPLAY_RULES_MAX = 64;

/** Awaited rounds; what is admitted during the last one goes out with the first takes. */
const ROUNDS_MAX = 3;

interface RuleReplay {
  readonly record: LocalRule;
  readonly report: UsageReport;
}

/**
 * Before the store serves again, tells it what this edge admitted in the last window and it does not know: everything,
 * if the store's identity is new to the record, else what was admitted without it. So the window promise holds over
 * a restart, a failover that lost writes, and an outage.
 */
export class Reconciler {
  readonly #store: LimitStore;
  readonly #rules: LocalRules;
  readonly #clock: Clock;
  readonly #share: () => EdgeShare;
  readonly #stats: LimiterStats;
  readonly #onLateFailure: (error: unknown) => void;

  constructor(deps: {
    readonly store: LimitStore;
    readonly rules: LocalRules;
    readonly clock: Clock;
    readonly share: () => EdgeShare;
    readonly stats: LimiterStats;
    /** The last replay, which nobody awaits, failed. */
    readonly onLateFailure: (error: unknown) => void;
  }) {
    this.#store = deps.store;
    this.#rules = deps.rules;
    this.#clock = deps.clock;
    this.#share = deps.share;
    this.#stats = deps.stats;
    this.#onLateFailure = deps.onLateFailure;
  }

  /** Rejects when a replay fails; what had been told stays told. Resolves to the last step: see Reconcile. */
  async reconcile(identity: string): Promise<() => void> {
    for (let round = 0; round < ROUNDS_MAX; round += 1) {
      const unknown = this.#collect(identity);
      if (unknown.length === 0) break;
      for (let start = 0; start < unknown.length; start += REPLAY_RULES_MAX) {
        await this.#replay(unknown.slice(start, start + REPLAY_RULES_MAX), identity);
      }
    }
    return () => this.#finish(identity);
  }

  /** Store calls act in order, so takes made after this see its charges without waiting for it. */
  #finish(identity: string): void {
    const late = this.#collect(identity);
    if (late.length > 0) this.#replay(late, identity).catch(this.#onLateFailure);
    this.#rules.storeIdentity = identity;
  }

  #collect(identity: string): RuleReplay[] {
    const nowMs = this.#clock.monotonicMs();
    const share = this.#share();
    const found: RuleReplay[] = [];
    for (const record of this.#rules.records()) {
      const which = record.knownTo === identity ? 'unsettled' : 'all';
      const report = record.usage.report(nowMs, share, which);
      if (report === null) record.knownTo = identity;
      else found.push({ record, report });
    }
    return found;
  }

  async #replay(replays: readonly RuleReplay[], identity: string): Promise<void> {
    const items: ReplayItem[] = replays.map(({ record, report }) => ({
      rule: record.usage.compiled,
      tenantTag: record.tenantTag,
      charges: report.charges,
      ...(report.quota === undefined ? {} : { quota: report.quota }),
    }));
    await this.#store.replay(items);
    const settledMs = this.#clock.monotonicMs();
    for (const { record, report } of replays) {
      report.settle(settledMs);
      record.knownTo = identity;
    }
    this.#stats.replayedRules += items.length;
  }
}
