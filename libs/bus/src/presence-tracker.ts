import type { Clock } from '@headgate/runtime';
import type { z } from 'zod';
import type { Bus, Subscription } from './bus.ts';
import { parseMessage } from './parse-message.ts';
import { PresenceMessage, type PresenceKind } from './presence-messages.ts';
import { HEARTBEAT_MS } from './presence.ts';
import { presencePattern, presenceSubject } from './subjects.ts';

/** A member that was heard of lately. */
export interface Member<Info> {
  readonly id: string;
  readonly info: Info;
}

/** Who is there. While the bus is disconnected all answers stay as they were. */
export interface PresenceTracker<Info> extends Subscription {
  /** Members heard within the last three seconds, sorted by id. */
  live(): readonly Member<Info>[];
  /** Most live members at any second of the last minute; time without connection does not count. */
  mostLiveOverLastMinute(): number;
  /** Position of a live member in the order of ids, from 0; null if it is not live. */
  rankOf(id: string): number | null;
  /** Messages that were dropped: malformed, under a wrong subject, or one member too many. */
  readonly dropped: number;
}

/** Silence after which a member counts as gone. */
export const PRESENCE_TTL_MS = 3000;
const MEMBERS_MAX = 10_000;
const WINDOW_SLOTS = 60;

interface Seen<Info> extends Member<Info> {
  readonly seenMs: number;
}

/**
 * Follows the heartbeats of one kind of member.
 *
 * @param schema of `info`; a heartbeat that does not fit is dropped.
 */
export function trackPresence<Info>(
  bus: Bus,
  deps: { readonly clock: Clock },
  kind: PresenceKind,
  schema: z.ZodType<Info>,
): PresenceTracker<Info> {
  return new Tracker(bus, deps.clock, kind, schema);
}

class Tracker<Info> implements PresenceTracker<Info> {
  dropped = 0;
  readonly #clock: Clock;
  readonly #kind: PresenceKind;
  readonly #schema: z.ZodType<Info>;
  readonly #members = new Map<string, Seen<Info>>();
  /** Count of live members per second of connected time, a ring. */
  readonly #counts = new Uint32Array(WINDOW_SLOTS);
  #slot = 0;
  /** Time at which everybody had the chance to be heard; Infinity while disconnected. */
  #settledAtMs = Infinity;
  readonly #timer: NodeJS.Timeout;
  readonly #subscriptions: readonly Subscription[];

  constructor(bus: Bus, clock: Clock, kind: PresenceKind, schema: z.ZodType<Info>) {
    this.#clock = clock;
    this.#kind = kind;
    this.#schema = schema;
    this.#timer = setInterval(() => this.#tick(), HEARTBEAT_MS);
    this.#subscriptions = [
      bus.subscribe(presencePattern(kind), ({ subject, data }) => this.#receive(subject, data)),
      bus.onConnection((connected) => {
        this.#settledAtMs = connected ? clock.monotonicMs() + PRESENCE_TTL_MS : Infinity;
      }),
    ];
  }

  live(): readonly Member<Info>[] {
    this.#forgetSilent();
    const members = [...this.#members.values()].map(({ id, info }) => ({ id, info }));
    return members.sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  mostLiveOverLastMinute(): number {
    this.#forgetSilent();
    return Math.max(this.#members.size, ...this.#counts);
  }

  rankOf(id: string): number | null {
    const rank = this.live().findIndex((member) => member.id === id);
    return rank === -1 ? null : rank;
  }

  unsubscribe(): void {
    clearInterval(this.#timer);
    for (const subscription of this.#subscriptions) subscription.unsubscribe();
  }

  #receive(subject: string, data: Uint8Array): void {
    const message = parseMessage(PresenceMessage, data);
    if (!message.ok) return this.#drop();
    const { id, leaving } = message.value;
    // Permissions are given per subject, so nobody may speak for another under its own.
    if (subject !== presenceSubject(this.#kind, id)) return this.#drop();
    if (leaving) {
      this.#members.delete(id);
      return;
    }
    const info = this.#schema.safeParse(message.value.info);
    const tooMany = this.#members.size >= MEMBERS_MAX && !this.#members.has(id);
    if (!info.success || tooMany) return this.#drop();
    this.#members.set(id, { id, info: info.data, seenMs: this.#clock.monotonicMs() });
    this.#count();
  }

  #drop(): void {
    this.dropped += 1;
  }

  #tick(): void {
    if (this.#settledAtMs === Infinity) return;
    this.#forgetSilent();
    this.#slot = (this.#slot + 1) % WINDOW_SLOTS;
    this.#counts[this.#slot] = 0;
    this.#count();
  }

  #count(): void {
    const most = Math.max(this.#counts[this.#slot] ?? 0, this.#members.size);
    this.#counts[this.#slot] = most;
  }

  /** After a reconnect nobody has been heard for a while, which says nothing about them. */
  #forgetSilent(): void {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs < this.#settledAtMs) return;
    for (const [id, member] of this.#members) {
      if (nowMs - member.seenMs > PRESENCE_TTL_MS) this.#members.delete(id);
    }
  }
}
