import assert from 'node:assert/strict';
import { after } from 'node:test';
import { Redis } from 'ioredis';
import type { BatchItem, ItemReply } from '@headgate/limiting';
import type { ScheduleRun, StoreCall } from '@headgate/limiting/lease-case';
import { startRedis } from '@headgate/testkit';
import { createLuaScript, loadScripts } from '../src/lua-script.ts';
import { readTakeReply, takeCalls, type ScriptCall } from '../src/script-calls.ts';

/** Put before a script, this gives it a clock that the test sets, in microseconds; the script itself stays as it is. */
const CLOCK_PREFIX = `
local real = redis
local redis = {pcall = real.pcall, call = function(name, ...)
  if name ~= 'TIME' then return real.call(name, ...) end
  local us = tonumber(real.call('GET', 'test:clock'))
  return {string.format('%d', math.floor(us / 1000000)), string.format('%d', us % 1000000)}
end}
`;

/** A script of the store. */
export type ScriptName = keyof ReturnType<typeof loadScripts>;

/** When a step runs. */
export interface StepTime {
  /** What the clock of Redis shows, in microseconds since the epoch. */
  readonly clockUs: number;
  /** The database is emptied before it. Default false. */
  readonly empties?: boolean;
}

/** A take of one item, in a call of its own. */
export interface TakeStep extends StepTime {
  readonly item: BatchItem;
  /** The time by the edge that sends it, which picks the calendar of quotas. Default 0. */
  readonly believedMs?: number;
}

/** The scripts in a Redis whose clock the test sets; ended after the tests of the file. */
export interface ScriptHarness {
  /** For looking into Redis. */
  readonly redis: Redis;
  /** Runs calls in one pipeline; answers with their raw replies. Rejects with the first error of Redis. */
  run(steps: readonly (StepTime & ScriptStep)[]): Promise<unknown[]>;
  /** Runs takes in one pipeline; answers with their replies. */
  take(steps: readonly TakeStep[]): Promise<ItemReply[]>;
  /** Runs calls in an emptied database; answers with their replies. */
  play(calls: readonly StoreCall[]): Promise<ItemReply[]>;
  /** The same, call by call, each as the reply to the one before makes it. */
  playRun(run: ScheduleRun): Promise<void>;
}

/** Which script, and what is sent to it. */
export interface ScriptStep {
  readonly script: ScriptName;
  readonly call: ScriptCall;
}

/** Starts Redis with the scripts in it; registers the clean-up. */
export async function createScriptHarness(): Promise<ScriptHarness> {
  const server = await startRedis();
  const redis = new Redis({ port: server.port, host: server.host });
  after(async () => {
    redis.disconnect();
    await server.stop();
  });
  const shas = new Map<string, string>();
  for (const [name, { text }] of Object.entries(loadScripts())) {
    const script = createLuaScript(CLOCK_PREFIX + text);
    await redis.script('LOAD', script.text);
    shas.set(name, script.sha);
  }
  const run: ScriptHarness['run'] = async (steps) => {
    const pipeline = redis.pipeline();
    const repliesAt = steps.map(({ script, call, clockUs, empties }) => {
      if (empties === true) {
        pipeline.flushall();
      }
      pipeline.set('test:clock', clockUs);
      pipeline.evalsha(shas.get(script) ?? '', call.keys.length, ...call.keys, ...call.values);
      return pipeline.length - 1;
    });
    const results = (await pipeline.exec()) ?? [];
    return repliesAt.map((position) => {
      const [error, reply] = results[position] ?? [null, null];
      if (error !== null) throw error;
      return reply;
    });
  };
  const take: ScriptHarness['take'] = async (steps) => {
    const calls = steps.map(({ item, believedMs }) => singleCall(item, believedMs));
    const raw = await run(
      steps.map((step, index) => ({
        ...step,
        script: 'take' as const,
        call: calls[index] ?? assert.fail(),
      })),
    );
    return steps.map(({ item }, index) => {
      const replies = readReplies(calls[index] ?? assert.fail(), [item], raw[index]);
      return replies[0] ?? assert.fail();
    });
  };
  const replyTo = (calls: readonly StoreCall[], isFirst: boolean): Promise<ItemReply[]> =>
    take(
      calls.map(({ item, clockMs, empties }, index) => {
        const time = { clockUs: clockMs * 1000, believedMs: clockMs };
        return { item, ...time, empties: empties || (isFirst && index === 0) };
      }),
    );
  const playRun: ScriptHarness['playRun'] = async (schedule) => {
    let isFirst = true;
    for (let step = schedule.next(); step.done !== true;) {
      const [reply] = await replyTo([step.value], isFirst);
      assert.ok(reply !== undefined);
      isFirst = false;
      step = schedule.next(reply);
    }
  };
  return { redis, run, take, play: (calls) => replyTo(calls, true), playRun };
}

/** Reads the reply to a call that carried all of these items; answers with theirs, in order. */
export function readReplies(
  call: ScriptCall,
  items: readonly BatchItem[],
  reply: unknown,
): ItemReply[] {
  const replies: ItemReply[] = [];
  assert.deepEqual(readTakeReply(call, items, reply, replies)?.resetKeys, []);
  return replies;
}

function singleCall(item: BatchItem, believedMs?: number): ScriptCall {
  const [call] = takeCalls([item], undefined, believedMs);
  return call ?? assert.fail();
}
