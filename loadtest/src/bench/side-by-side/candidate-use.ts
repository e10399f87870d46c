import { treeCpuUs } from '../process-tree.ts';
import type { RunningCandidate } from './candidate.ts';
import { readCommandCounts, redisUseBetween, type CommandCounts } from './redis-use.ts';
import type { Round } from './row.ts';

/** What a candidate, with its Redis, has used since it was started. */
export interface CandidateUse {
  /** CPU time of its own processes in µs. */
  readonly ownCpuUs: number;
  /** Null without a Redis. */
  readonly redis: { readonly cpuUs: number; readonly commands: CommandCounts } | null;
}

/** @throws Error if one of its processes is gone. */
export async function readUse({
  pid,
  redis,
}: Pick<RunningCandidate, 'pid' | 'redis'>): Promise<CandidateUse> {
  const ownCpuUs = await treeCpuUs(pid);
  if (redis === undefined) return { ownCpuUs, redis: null };
  const commands = await readCommandCounts(redis.port);
  return { ownCpuUs, redis: { cpuUs: await treeCpuUs(redis.pid), commands } };
}

/** Figures of what was used between two readings, in which `requests` were answered in `seconds`. */
export function useFigures(
  before: CandidateUse,
  after: CandidateUse,
  { requests, seconds }: { readonly requests: number; readonly seconds: number },
): Partial<Round> {
  const ownCpuUs = after.ownCpuUs - before.ownCpuUs;
  if (before.redis === null || after.redis === null) {
    return { cpuUsPerRequest: ownCpuUs / requests };
  }
  const redisCpuUs = after.redis.cpuUs - before.redis.cpuUs;
  const { commands, operations } = redisUseBetween(before.redis.commands, after.redis.commands);
  return {
    cpuUsPerRequest: (ownCpuUs + redisCpuUs) / requests,
    redisCpuUsPerRequest: redisCpuUs / requests,
    redisCommandsPerRequest: commands / requests,
    redisOperationsPerRequest: operations / requests,
    redisCommandsPerSecond: commands / seconds,
  };
}
