import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compileChain, type LimitRule } from '@headgate/limiting';
import { createRedisHarness } from './redis-harness.ts';

const { admin, startEdge } = await createRedisHarness(2000);

const base = { level: 'tenant', scope: '', windowMs: 1000, onStoreLoss: 'share' } as const;
const RULES: readonly LimitRule[] = [
  { ...base, name: 'few', limit: 10 },
  { ...base, name: 'many', limit: 100 },
  { ...base, name: 'pace', kind: 'rate', limit: 100, burst: 20 },
];

for (const rule of RULES) {
  test(`a worker at 100 times the limit (${rule.name}) asks Redis in vain at most once per second`, async () => {
    const edge = await startEdge(undefined, { heartbeatMs: 600_000 });
    const chain = compileChain(rule.name, [rule]);
    const before = await scriptCalls();
    const startMs = performance.now();
    const seconds = 2;
    let sent = 0;
    await new Promise<void>((resolve) => {
      const load = setInterval(() => {
        const elapsedMs = Math.min(performance.now() - startMs, seconds * 1000);
        for (; sent < (elapsedMs * rule.limit) / 10; sent += 1) void edge.limiter.take(chain, 1);
        if (elapsedMs < seconds * 1000) return;
        clearInterval(load);
        resolve();
      }, 1);
    });
    await edge.limiter.take(chain, 1);
    const inVain = (await scriptCalls()) - before - edge.granted.length;
    assert.ok(inVain <= seconds, `${inVain} calls in vain, ${edge.granted.length} others`);
    assert.ok(edge.limiter.stats.deniedByDenyCache > sent / 2);
    assert.ok(edge.granted.length > 0);
    edge.limiter.close();
  });
}

async function scriptCalls(): Promise<number> {
  const stats = await admin.info('commandstats');
  return Number(/cmdstat_evalsha:calls=(\d+)/.exec(stats)?.[1] ?? '0');
}
