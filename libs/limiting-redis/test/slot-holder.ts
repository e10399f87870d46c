import process from 'node:process';
import { compileChain, createLimiter, type ConcurrencyRule } from '@headgate/limiting';
import { systemClock, systemRandom } from '@headgate/runtime';
import { waitFor } from '@headgate/testkit';
import { createRedisLimitStore } from '../src/index.ts';

// A process that takes slots and holds them until it is killed: node slot-holder.ts PORT RULE UNITS
const [port = '', rule = '', units = ''] = process.argv.slice(2);
const chain = compileChain('crowd', [JSON.parse(rule) as ConcurrencyRule]);
const store = createRedisLimitStore(
  { redis: { host: '127.0.0.1', port: Number(port) }, random: systemRandom },
  { commandTimeoutMs: 2000 },
);
const share = { liveEdges: 1, rank: 0 };
const deps = { store, clock: systemClock, random: systemRandom, share: () => share };
const limiter = createLimiter(deps);
await waitFor(() => !limiter.degraded, { message: 'Redis in use' });
let held = 0;
for (let count = 0; count < Number(units); count += 1) {
  if ((await limiter.take(chain, 1)).outcome === 'admitted') held += 1;
}
process.stdout.write(`holds ${held}\n`);
process.stdin.resume(); // lives on
