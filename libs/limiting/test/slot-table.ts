import type { SlotClaim } from '../src/index.ts';

/** As in `slot-state.lua`. */
const LEASE_MS = 2500;

interface Field {
  epoch: number;
  granted: number;
  released: number;
  expiresMs: number;
}

/** The slots of one limit, as `slot-state.lua` keeps them: the two must answer alike. */
export class SlotTable {
  readonly #fields = new Map<string, Field>();

  /** Units that fit now for the worker with this claim; 0 if the claim is of an older epoch. */
  left(nowMs: number, limit: number, claim: SlotClaim): number {
    if (this.#join(nowMs, claim) === null) return 0;
    let held = 0;
    for (const { granted, released } of this.#fields.values()) held += granted - released;
    this.#drop(claim.holderId);
    return limit - held;
  }

  /** Charges what was found to fit. */
  charge(nowMs: number, claim: SlotClaim, units: number): void {
    const field = this.#join(nowMs, claim);
    if (field === null) return;
    field.granted += units;
    field.expiresMs = nowMs + LEASE_MS;
    this.#drop(claim.holderId);
  }

  /** Prolongs; returns the slots that are held but were missing. */
  renew(nowMs: number, claim: SlotClaim): number {
    this.#expire(nowMs);
    const known = this.#fields.get(claim.holderId);
    const field = this.#join(nowMs, claim);
    if (field === null) return 0;
    field.expiresMs = nowMs + LEASE_MS;
    this.#drop(claim.holderId);
    return known === undefined ? claim.granted - claim.released : 0;
  }

  /** The worker's field with its claim; null if the claim is void. A field that changed lives for a new lease. */
  #join(nowMs: number, { holderId, epoch, granted, released }: SlotClaim): Field | null {
    this.#expire(nowMs);
    const known = this.#fields.get(holderId);
    if (known !== undefined && known.epoch > epoch) return null;
    if (known?.epoch === epoch) {
      if (granted > known.granted || released > known.released) known.expiresMs = nowMs + LEASE_MS;
      known.granted = Math.max(known.granted, granted);
      known.released = Math.max(known.released, released);
      return known;
    }
    const field = { epoch, granted, released, expiresMs: nowMs + LEASE_MS };
    this.#fields.set(holderId, field);
    return field;
  }

  #drop(holderId: string): void {
    const field = this.#fields.get(holderId);
    if (field !== undefined && field.granted === field.released) this.#fields.delete(holderId);
  }

  #expire(nowMs: number): void {
    for (const [holderId, field] of this.#fields) {
      field.expiresMs = Math.min(field.expiresMs, nowMs + LEASE_MS);
      if (field.expiresMs <= nowMs) this.#fields.delete(holderId);
    }
  }
}
