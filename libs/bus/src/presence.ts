import type { Bus } from './bus.ts';
import { encodeMessage } from './parse-message.ts';
import type { PresenceKind, PresenceMessage } from './presence-messages.ts';
import { presenceSubject } from './subjects.ts';

/** Announces one member. Whoever creates it closes it. */
export interface Presence {
  /** Sends a heartbeat now, for a change that others should see at once. */
  announce(): void;
  /** Says goodbye, so that others need not wait for the silence. Idempotent. */
  close(): void;
}

/** Distance of heartbeats. */
export const HEARTBEAT_MS = 1000;

/**
 * Sends a heartbeat every second from now on, and at once after each connection.
 *
 * @param member.info what to tell with each heartbeat; called every time.
 */
export function createPresence(
  bus: Bus,
  member: { readonly kind: PresenceKind; readonly id: string; readonly info: () => object },
): Presence {
  const subject = presenceSubject(member.kind, member.id);
  const send = (leaving: boolean) => {
    const info = leaving ? null : member.info();
    const message: PresenceMessage = { v: 1, id: member.id, leaving, info };
    bus.publish(subject, encodeMessage(message));
  };
  const announce = () => bus.guard.run('presence info', () => send(false));
  const timer = setInterval(announce, HEARTBEAT_MS);
  const connection = bus.onConnection((connected) => connected && announce());
  let closed = false;
  return {
    announce,
    close() {
      if (closed) return;
      closed = true;
      clearInterval(timer);
      connection.unsubscribe();
      send(true);
    },
  };
}
