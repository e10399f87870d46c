import { randomUUID } from 'node:crypto';
import type { Clock } from '@headgate/runtime';
import type { LimiterStats } from './limiter-stats.ts';
import type { LimitStore, ReplayItem } from './limit-store.ts';
import type { LocalRule, LocalRules } from './local-rules.ts';
import type { UsageReport } from './local-usage.ts';
import type { EdgeShare } from './share.ts';

/** Rules and charges per replay call: about 1 ms of the store's time. */
const REPLAY_RULES_MAX = 64;
const REPLAY_CHARGES_MAX = 256;

/** Awaited rounds; what is admitted during the last one goes out with the first takes. */
const ROUNDS_MIN = 3;

/** More, until one is so short that a store answers in time what came meanwhile, which goes out at once; or so many. */
const ROUNDS_MAX = 20;
const SHORT_ROUND_RULES_MAX = 512;

interface RuleReplay {
  readonly record: LocalRule;
  readonly report: UsageReport;
}

/** A replay that was sent: to whom, when, and under which name. */
interface SentReplay {
  readonly id: string;
  readonly identity: string;
  readonly replays: readonly RuleReplay[];
  readonly sentMs: number;
}

/**
 * Before the store serves again, tells it what this edge admitted in the last window and it does not know: everything,
 * if the store's identity is new to the record, else what was admitted without it. So the window promise holds over
 * a restart, a failover that lost writes, and an outage.
 *
 * A replay that was not answered may have been charged. It is sent again as it was, under the same name, by which the
 * store knows what it has: an outage is charged once, however often the store is too slow to say so.
 */
export class Reconciler {
  readonly #store: LimitStore;
  readonly #rules: LocalRules;
  readonly #clock: Clock;
  readonly #share: () => EdgeShare;
  readonly #stats: LimiterStats;
  readonly #onLateFailure: (error: unknown) => void;
  #unanswered: SentReplay | null = null;
  /** The last replay of the last reconciliation; never rejects. */
  #late: Promise<void> = Promise.resolve();

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
    await this.#late;
    const unanswered = this.#unanswered;
    this.#unanswered = null;
    // Another store is told everything, this as well.
    if (unanswered?.identity === identity) await this.#send(unanswered);
    for (let round = 0; round < ROUNDS_MAX; round += 1) {
      const unknown = this.#collect(identity);
      if (unknown.length === 0) break;
      for (const replays of callsOf(unknown)) await this.#replay(replays, identity);
      if (round + 1 >= ROUNDS_MIN && unknown.length <= SHORT_ROUND_RULES_MAX) break;
    }
    return () => this.#finish(identity);
  }

  /** Store calls act in order, so takes made after this see its charges without waiting for it. */
  #finish(identity: string): void {
    const late = this.#collect(identity);
    if (late.length > 0) this.#late = this.#replay(late, identity).catch(this.#onLateFailure);
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

  #replay(replays: readonly RuleReplay[], identity: string): Promise<void> {
    const sentMs = this.#clock.monotonicMs();
    return this.#send({ id: randomUUID(), identity, replays, sentMs });
  }

  async #send(sent: SentReplay): Promise<void> {
    this.#unanswered = sent;
    const { id, identity, replays, sentMs } = sent;
    const laterMs = this.#clock.monotonicMs() - sentMs;
    await this.#store.replay(
      replays.map((replay) => itemOf(replay, laterMs)),
      id,
    );
    this.#unanswered = null;
    const settledMs = this.#clock.monotonicMs();
    for (const { record, report } of replays) {
      report.settle(settledMs);
      record.knownTo = identity;
    }
    this.#stats.replayedRules += replays.length;
  }
}

/** What the store is told of a rule, `laterMs` after it was read. */
function itemOf({ record, report }: RuleReplay, laterMs: number): ReplayItem {
  const charges = report.charges.map(({ ageMs, cost }) => ({ ageMs: ageMs + laterMs, cost }));
  return {
    rule: record.usage.compiled,
    tenantTag: record.tenantTag,
    charges,
    ...(report.quota === undefined ? {} : { quota: report.quota }),
  };
}

/** Parts that a call each can tell. */
function* callsOf(replays: readonly RuleReplay[]): Generator<readonly RuleReplay[]> {
  let call: RuleReplay[] = [];
  let charges = 0;
  for (const replay of replays) {
    const more = replay.report.charges.length;
    if (call.length >= REPLAY_RULES_MAX || (charges > 0 && charges + more > REPLAY_CHARGES_MAX)) {
      yield call;
      call = [];
      charges = 0;
    }
    call.push(replay);
    charges += more;
  }
  if (call.length > 0) yield call;
}
