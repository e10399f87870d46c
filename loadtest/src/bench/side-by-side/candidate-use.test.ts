import assert from 'node:assert/strict';
import { test } from 'node:test';
import { useFigures } from './candidate-use.ts';

const MEASURED = { requests: 1000, seconds: 2 };

test('without a Redis there is CPU time per request and nothing else', () => {
  const figures = useFigures(
    { ownCpuUs: 5000, redis: null },
    { ownCpuUs: 25_000, redis: null },
    MEASURED,
  );
  assert.deepEqual(figures, { cpuUsPerRequest: 20 });
});

test('the CPU time of its Redis counts as the candidate’s, and is told apart', () => {
  const before = { cpuUs: 1000, commands: new Map([['evalsha', 10]]) };
  const after = {
    cpuUs: 6000,
    commands: new Map([
      ['evalsha', 510],
      ['get', 1500],
    ]),
  };
  const figures = useFigures(
    { ownCpuUs: 5000, redis: before },
    { ownCpuUs: 25_000, redis: after },
    MEASURED,
  );
  assert.deepEqual(figures, {
    cpuUsPerRequest: 25,
    redisCpuUsPerRequest: 5,
    redisCommandsPerRequest: 0.5,
    redisOperationsPerRequest: 2,
    redisCommandsPerSecond: 250,
  });
});
