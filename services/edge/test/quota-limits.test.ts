import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, suite, test } from 'node:test';
import { temporaryDirectory, waitFor } from '@headgate/testkit';
import { planDocument, tenantDocument } from './support/edge-process.ts';
import { runMany, type HttpOutcome } from './support/http-client.ts';
import { createLimitsBench } from './support/limits-bench.ts';

const bench = await createLimitsBench();
const { redis, upstreams } = bench;
const directory = await temporaryDirectory();
after(() => directory.remove());
const dataDirectory = directory.path;

const month = { name: 'month', kind: 'quota', limit: 12, period: 'month' };
const tenant = tenantDocument({
  ...{ id: 'a', hosts: ['a.test'], timeZone: 'Pacific/Auckland', upstreams },
  routes: { rest: { upstreamId: 'main' } },
});
let { edge, http } = await bench.startEdge([planDocument({ limits: [month] }), tenant], {
  dataDirectory,
});

function savedQuotas(): Promise<string> {
  return readFile(join(dataDirectory, 'quotas.json'), 'utf8').catch(() => '');
}

async function ask(count: number): Promise<HttpOutcome[]> {
  const outcomes: HttpOutcome[] = [];
  await runMany(count, 6, async () => {
    outcomes.push(await http.send({ host: 'a.test', path: '/', headers: {} }));
  });
  return outcomes;
}

/** Seconds until the month ends in Auckland, by a calculation of its own. */
function secondsLeft(): number {
  const now = Temporal.Now.zonedDateTimeISO('Pacific/Auckland');
  const end = now.add({ months: 1 }).with({ day: 1 }).startOfDay();
  return (end.epochMilliseconds - now.epochMilliseconds) / 1000;
}

suite('limits of kind quota', () => {
  test('exactly the quota passes over all workers; answers say when the month of the tenant ends', async () => {
    const outcomes = await ask(30);
    assert.equal(outcomes.filter(({ status }) => status === 200).length, 12);
    const left = secondsLeft();
    for (const { status, headers } of outcomes) {
      assert.equal(headers['ratelimit-policy'], '"month";q=12;period=month');
      const [, remaining, seconds] =
        /^"month";r=(\d+);t=(\d+)$/.exec(String(headers['ratelimit'])) ?? [];
      assert.ok(Math.abs(Number(seconds) - left) < 120, `${seconds} s, not ${left}`);
      if (status !== 429) continue;
      assert.equal(remaining, '0');
      assert.ok(Number(headers['retry-after']) >= left - 120);
    }
  });

  test('Redis loses its data while the edge is down: what was used is known from its disk', async () => {
    await waitFor(async () => (await savedQuotas()).includes('"used":12'), {
      message: 'the file to tell what is used',
    });
    edge.process.kill('SIGKILL');
    await edge.process.exited;
    await redis.kill();
    await redis.restart();
    ({ edge, http } = await bench.startEdge(undefined, { dataDirectory }));
    const served = (await ask(40)).filter(({ status }) => status === 200).length;
    // What is in a worker's first call passes before Redis is told; six are sent at once.
    assert.ok(served <= 6, `${served} of 40 passed`);
    assert.equal((await ask(10)).filter(({ status }) => status === 200).length, 0);
  });
});
