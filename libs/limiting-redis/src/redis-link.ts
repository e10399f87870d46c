import type { Redis } from 'ioredis';
import type { ProbePlace } from './probe-places.ts';
import type { GroupOf } from './script-calls.ts';

/** Where Redis said that a command belongs. */
export interface Redirect {
  readonly server: Redis;
  /** ASKING has to go before the command: the key is on its way to that server. */
  readonly isAsking: boolean;
}

/** The connections of a store: to one server, or to those of a Redis Cluster that hold its part of the slots. */
export interface RedisLink {
  /** Which keys one script call may name. */
  readonly groupOf: GroupOf;
  /** Why there is no connection; '' if none has failed yet. */
  readonly lastError: string;
  /** The connection to the server of a key; null while it is not up. */
  serverOf(key: string): Redis | null;
  /** A place on each server that the store needs; null while one of them is not connected. */
  probePlaces(): readonly ProbePlace[] | null;
  /** Where to send a command that this error answered; null if not to another server, or to one that is not connected. */
  redirectOf(error: Error): Redirect | null;
  /** Another server may be the right one by now: looks, in the background. */
  lookAgain(): void;
}
