import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
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
