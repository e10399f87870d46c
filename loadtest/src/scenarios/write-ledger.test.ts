import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WriteLedger, type LedgerFaults, type NamedRevision } from './write-ledger.ts';

/** Writes 1 and 2 were acknowledged, 3 was under way when the service died. */
function ledger(published: readonly NamedRevision[] = []): WriteLedger {
  const told = new WriteLedger();
  for (const name of ['1', '2', '3']) told.attempt(name);
  told.acknowledge('1');
  told.acknowledge('2');
  for (const revision of published) told.publish(revision);
  return told;
}

const one = { revision: 10, name: '1' };
const two = { revision: 12, name: '2' };
const three = { revision: 13, name: '3' };

function counts({ lost, phantoms, disagreements }: LedgerFaults): readonly number[] {
  return [lost.length, phantoms.length, disagreements.length];
}

test('a write under way may be made or not, and the history may have forgotten old ones', () => {
  assert.deepEqual(counts(ledger([one, two]).judge([one, two], [10, 12])), [0, 0, 0]);
  assert.deepEqual(counts(ledger([two, three]).judge([one, two, three], [12, 13])), [0, 0, 0]);
});

test('what is wrong is told as what it is', () => {
  const cases: readonly [string, LedgerFaults, readonly number[]][] = [
    ['lost', ledger().judge([one], [10]), [1, 0, 0]],
    ['published only', ledger([three]).judge([one, two], [10, 12]), [0, 1, 0]],
    ['published otherwise', ledger([{ ...two, name: '3' }]).judge([one, two], [12]), [0, 1, 0]],
    ['never asked for', ledger().judge([one, two, { revision: 14, name: '4' }], [14]), [0, 1, 0]],
    ['made twice', ledger().judge([one, two, { revision: 14, name: '2' }], [14]), [0, 1, 0]],
    ['no history', ledger().judge([one, two], []), [0, 0, 1]],
    ['a gap in the history', ledger().judge([one, two, three], [10, 13]), [0, 0, 1]],
    ['out of order', ledger().judge([two, one], [12, 10]), [0, 0, 1]],
  ];
  for (const [title, faults, expected] of cases) assert.deepEqual(counts(faults), expected, title);
});
