import { Redis } from 'ioredis';

/** Calls of each of Redis's commands since it was started, those inside of scripts included. */
export type CommandCounts = ReadonlyMap<string, number>;

/** What a candidate asked of its Redis. */
export interface RedisUse {
  /** Commands that it sent. Where scripts ran, only their calls count: what else ran is taken for their work. */
  readonly commands: number;
  /** All commands that ran, those inside of scripts and the calls of scripts included. */
  readonly operations: number;
}

const SCRIPT_CALLS = ['eval', 'evalsha', 'fcall'];

/** Commands of the reader itself, and of clients that connect or look whether Redis is alive. */
const OVERHEAD = ['info', 'client', 'hello', 'ping', 'command', 'script', 'select'];

/** Asks the Redis on a port of 127.0.0.1. @throws Error if it does not answer. */
export async function readCommandCounts(port: number): Promise<CommandCounts> {
  const redis = new Redis({ host: '127.0.0.1', port, lazyConnect: true, retryStrategy: null });
  try {
    await redis.connect();
    return parseCommandCounts(await redis.info('commandstats'));
  } finally {
    redis.disconnect();
  }
}

/** Reads the answer of `INFO commandstats`; what is behind `|` (a subcommand) counts for its command. */
export function parseCommandCounts(text: string): CommandCounts {
  const counts = new Map<string, number>();
  for (const [, name = '', calls] of text.matchAll(/^cmdstat_([^|:\s]+)[^:]*:calls=(\d+),/gm)) {
    counts.set(name, (counts.get(name) ?? 0) + Number(calls));
  }
  return counts;
}

/** What was asked between two readings. */
export function redisUseBetween(before: CommandCounts, after: CommandCounts): RedisUse {
  let scriptCalls = 0;
  let operations = 0;
  for (const [name, calls] of after) {
    if (OVERHEAD.includes(name)) continue;
    const added = calls - (before.get(name) ?? 0);
    operations += added;
    if (SCRIPT_CALLS.includes(name)) scriptCalls += added;
  }
  return { commands: scriptCalls > 0 ? scriptCalls : operations, operations };
}
