import type { RedisOptions } from 'ioredis';

/** A host name or address, and a port. */
export interface HostPort {
  readonly host: string;
  readonly port: number;
}

/** How to log in, and whether over TLS. */
export interface RedisAccess {
  readonly username?: string;
  readonly password?: string;
  /** TLS options, `{}` for the defaults; null or absent for plain TCP. Holds for Sentinels too. */
  readonly tls?: RedisOptions['tls'] | null;
}

/** One server. */
export interface RedisAddress extends HostPort, RedisAccess {}

/** The master of this name, as Sentinels tell it. */
export interface SentinelTarget extends RedisAccess {
  readonly sentinels: readonly HostPort[];
  readonly master: string;
  /** Of the Sentinels themselves; absent if they ask for none. */
  readonly sentinelPassword?: string;
}

/** A Redis Cluster. */
export interface ClusterTarget extends RedisAccess {
  /** Nodes to ask for all others; one that answers is enough. */
  readonly nodes: readonly HostPort[];
}

/** Where the usage of limits lies. */
export type RedisTarget = RedisAddress | SentinelTarget | ClusterTarget;
