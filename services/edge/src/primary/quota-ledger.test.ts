import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { compileChain, type QuotaRule } from '@headgate/limiting';
import { createFakeClock, temporaryDirectory } from '@headgate/testkit';
import { QuotaLedger } from './quota-ledger.ts';

test('the ledger keeps the highest usage of the latest period, over a restart, until the period ends', async (t) => {
  const directory = await temporaryDirectory();
  t.after(() => directory.remove());
  const clock = createFakeClock();
  const nowMs = clock.nowMs();
  const mark = { key: 'k', startMs: nowMs - 10, endMs: nowMs + 1000, used: 5 };
  const ledger = new QuotaLedger(directory.path, clock);
  await ledger.restore();
  ledger.add([mark, { ...mark, used: 3 }, { ...mark, startMs: nowMs - 5000, used: 90 }]);
  await ledger.save();
  const next = new QuotaLedger(directory.path, clock);
  await next.restore();
  assert.deepEqual(next.marks(), [mark]);
  next.add([{ ...mark, used: 7 }]);
  assert.equal(next.marks()[0]?.used, 7);
  clock.advance(1000);
  assert.deepEqual(next.marks(), []);
});

test('a damaged file, or entries that are none, are left out', async (t) => {
  const directory = await temporaryDirectory();
  t.after(() => directory.remove());
  const clock = createFakeClock();
  const good = { key: 'k', startMs: 1, endMs: clock.nowMs() + 1, used: 2 };
  for (const [text, found] of [
    ['{', 0],
    ['{"a":1}', 0],
    [JSON.stringify([null, 7, { ...good, used: -1 }, { ...good, used: 'x' }, good]), 1],
  ] as const) {
    await writeFile(join(directory.path, 'quotas.json'), text);
    const ledger = new QuotaLedger(directory.path, clock);
    await ledger.restore();
    assert.equal(ledger.marks().length, found);
  }
});

test('writes never overlap: the file holds all that was added before the last of them', async (t) => {
  const directory = await temporaryDirectory();
  t.after(() => directory.remove());
  const clock = createFakeClock();
  const ledger = new QuotaLedger(directory.path, clock);
  const mark = { key: 'k', startMs: 1, endMs: clock.nowMs() + 1000, used: 0 };
  const many = Array.from({ length: 3000 }, (_, index) => ({ ...mark, key: `k${index}` }));
  const saves: Promise<void>[] = [];
  for (const used of [1, 2, 3]) {
    ledger.add(used === 3 ? [{ ...mark, used }] : many.map((one) => ({ ...one, used })));
    saves.push(ledger.save());
  }
  await Promise.all(saves);
  const saved = JSON.parse(await readFile(join(directory.path, 'quotas.json'), 'utf8')) as unknown;
  assert.deepEqual(saved, ledger.marks());
});

test('a clock that was ahead for a while leaves nothing that keeps later usage out', async (t) => {
  const directory = await temporaryDirectory();
  t.after(() => directory.remove());
  const clock = createFakeClock();
  const nowMs = clock.nowMs();
  const ledger = new QuotaLedger(directory.path, clock);
  const mark = { key: 'k', startMs: nowMs - 10, endMs: nowMs + 1000, used: 5 };
  const ahead = { ...mark, startMs: nowMs + 1000, endMs: nowMs + 2000, used: 1 };
  ledger.add([mark, ahead]);
  assert.deepEqual(ledger.marks(), [mark]);
  clock.stepWallClock(1000);
  ledger.add([ahead]);
  clock.stepWallClock(-1000);
  ledger.add([{ ...mark, used: 6 }]);
  assert.deepEqual(ledger.marks(), [{ ...mark, used: 6 }]);
});

test('quotas of ever new consumers push out only each other', async (t) => {
  const directory = await temporaryDirectory();
  t.after(() => directory.remove());
  const clock = createFakeClock();
  const ledger = new QuotaLedger(directory.path, clock);
  const rule: QuotaRule = {
    ...{ name: 'day', level: 'tenant', scope: '', limit: 9, onStoreLoss: 'share' },
    ...{ kind: 'quota', period: 'day', timeZone: 'UTC' },
  } as const;
  const period = { startMs: 1, endMs: clock.nowMs() + 1000, used: 1 };
  const keyOf = (changed: QuotaRule): string => compileChain('acme', [changed]).storeKeys[0] ?? '';
  const own = { key: keyOf(rule), ...period };
  ledger.add([own]);
  const ofClient = keyOf({ ...rule, consumer: 'aX' });
  for (let client = 0; client < 30_000; client += 1) {
    ledger.add([{ key: ofClient.replace('aX', `a${client}`), ...period }]);
  }
  assert.ok(ledger.marks().includes(own));
  assert.equal(ledger.marks().length, 5001);
});
