import type { BodyBytes, BytesReturn } from './body-bytes.ts';
import type { CompiledRule } from './compiled-rule.ts';
import type { LimitChain } from './limit-chain.ts';

/** `units` requests of equal chain and cost, first come first served. */
export interface BatchItem {
  readonly chain: LimitChain;
  /** Cost of one unit, 1 … `chain.costMax`; 0 to take bytes only. */
  readonly cost: number;
  /** At least 1. */
  readonly units: number;
  /** For each `concurrency` rule of the chain, in order; absent if it has none. */
  readonly slots?: readonly SlotClaim[];
  /** Absent: neither is a lease asked for nor anything returned. Only for chains with `leaseSpans`. */
  readonly lease?: LeaseAsk | undefined;
  /** What a unit takes of rules that count bytes; absent, and null, exactly if the chain has none. 0 is charged nothing. */
  readonly bytes?: BodyBytes | null;
  /** Bytes that earlier requests of this chain did not use; given back before anything is taken. */
  readonly returned?: readonly BytesReturn[];
}

/** A lease is charged now, to the end of its span, so that a worker may admit with it until then without asking. */
export interface LeaseAsk {
  /** Cost wanted for a far lease, shorter ones are for their part of it; 0 for none. Granted is that or less. */
  readonly amount: number;
  /** What was left of earlier leases of this chain. */
  readonly returned: readonly LeaseReturn[];
  /** Demand is far above a limit: what comes back soon is leased ahead. Default false. */
  readonly isFlood?: boolean;
}

/** A lease as it was granted. */
export interface LeaseGrant {
  /** Cost; 0 for none. */
  readonly amount: number;
  /** When it was granted, by the store's clock. */
  readonly madeMs: number;
  /** It ends so many ms later. */
  readonly spanMs: number;
  /** Of what comes back soon, by time; absent if nothing does, or it was not asked for. */
  readonly later?: readonly LaterLease[];
}

/** A lease that was granted ahead. */
export interface LaterLease {
  readonly amount: number;
  /** It must not be used before so many ms have passed since it was granted. */
  readonly startMs: number;
  /** It ends so many ms after its start. */
  readonly spanMs: number;
}

/**
 * Cost that was leased and never used; it must be told at most once. The store takes it off charges that are no younger
 * than the lease's own, so that it never forgets anything that was used.
 */
export interface LeaseReturn {
  readonly amount: number;
  /** Of the lease. */
  readonly madeMs: number;
  /** That and the lease's span. */
  readonly endMs: number;
}

/**
 * What a worker knows of its slots of one rule: `granted - released` are held. Both only rise within an epoch, so that
 * the store joins claims by taking the larger values: repeating or delaying one changes nothing. A claim of a newer
 * epoch replaces what the store has, one of an older epoch is void.
 */
export interface SlotClaim {
  /** The worker; no two live ones have the same. */
  readonly holderId: string;
  readonly epoch: number;
  readonly granted: number;
  readonly released: number;
}

/** A claim to be prolonged and brought up to date. */
export interface SlotRenewal {
  readonly key: string;
  readonly tenantTag: string;
  readonly claim: SlotClaim;
}

/** The store's answer to one item. The arrays belong to the receiver. */
export interface ItemReply {
  /** The store's clock, ms since the epoch, when it decided; one batch may be decided at several times. */
  readonly madeMs: number;
  /** 0 … `units`: how many units were charged, on all rules of the chain alike. */
  readonly granted: number;
  /** Per rule, after the charge: units left, at least 0. Less than the cost means that no further unit fits. */
  readonly remaining: readonly number[];
  /** Per rule: ms until one more unit fits, or, if one fits now, until units come back (0: no charge). */
  readonly resetMs: readonly number[];
  /** Per rule what was ever given back in the period of a quota of bytes; absent if the chain has none. */
  readonly returned?: readonly number[];
  /** Present if the item asked for one, or returned one. */
  readonly lease?: LeaseGrant;
}

/** Replies in the order of the items. */
export interface BatchReply {
  /** The store's clock, ms since the epoch, at the end; only differences mean something. */
  readonly storeNowMs: number;
  /** Null for an item of which the store cannot know the usage, because what it holds of it is damaged. */
  readonly items: readonly (ItemReply | null)[];
}

/** Admissions that the store must learn about: charged without a check. */
export interface ReplayItem {
  /** Quotas only: the period in which it was admitted, what the store is known to have counted in it, and to have got back. */
  readonly quota?: { readonly startMs: number; readonly used: number; readonly returned: number };
  readonly rule: CompiledRule;
  readonly tenantTag: string;
  readonly charges: readonly { readonly ageMs: number; readonly cost: number }[];
}

/** What a probe found. */
export interface StoreState {
  /** Changes when the store may have lost charges: another server run, another master, flushed data. */
  readonly identity: string;
}

/**
 * Where usage lives. Every method settles within the store's own timeout and rejects with a StoreFailure.
 * A rejected call may or may not have charged: it wastes tokens at worst and must never be repeated blindly,
 * but for a replay with an id.
 * Calls take effect in the order in which they were made.
 */
export interface LimitStore {
  /** Checks and charges; each item all or nothing over the rules of its chain. Items act in order. */
  takeBatch(items: readonly BatchItem[]): Promise<BatchReply>;
  /** Exercises the path that `takeBatch` takes, a write included, and tells who answered. */
  probe(): Promise<StoreState>;
  /** Prolongs slots and notes what was released. Resolves with how many had lapsed although they are held. */
  renewSlots(renewals: readonly SlotRenewal[]): Promise<number>;
  /**
   * Charges what edges admitted without the store, or what a new store does not know.
   *
   * @param id of a replay that may be repeated: the same items under the same id are charged once, also if an earlier
   *   call was not answered.
   */
  replay(items: readonly ReplayItem[], id?: string): Promise<void>;
}

/** Why a store call failed; `timeout` and `connection` leave open whether it took effect. */
export type StoreFailureKind = 'timeout' | 'connection' | 'refused' | 'protocol';

/** Rejection of a store call. */
export class StoreFailure extends Error {
  override readonly name = 'StoreFailure';
  readonly kind: StoreFailureKind;

  constructor(kind: StoreFailureKind, message: string, options?: ErrorOptions) {
    super(message, options);
    this.kind = kind;
  }
}
