import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createSeededRandom } from '@headgate/testkit';
import { HeldBytes } from './held-bytes.ts';

test('held bytes: pieces of any size come out as they went in', () => {
  const random = createSeededRandom(3);
  const held = new HeldBytes();
  let expected = '';
  for (let step = 0; step < 5000; step += 1) {
    const draw = random.next();
    if (draw < 0.8) {
      const chunk = Buffer.from(Array.from({ length: 60 }, () => random.next() * 256));
      const start = Math.floor(random.next() * 30);
      const end = start + Math.floor(random.next() * 30);
      held.append(chunk, start, end);
      expected += chunk.toString('latin1', start, end);
    } else if (draw < 0.98) {
      const length = Math.floor(random.next() * expected.length);
      assert.equal(held.takeText(length), expected.slice(0, length));
      expected = expected.slice(length);
    } else {
      assert.equal(held.take().toString('latin1'), expected);
      expected = '';
    }
    assert.equal(held.length, expected.length);
  }
});

test('held bytes: what was taken is not written to again', () => {
  const held = new HeldBytes();
  held.append(Buffer.from('first'), 0, 5);
  const taken = held.take();
  held.append(Buffer.from('other'), 0, 5);
  assert.equal(taken.toString(), 'first');
});

test('held bytes: copies, so the source may be read into again', () => {
  const held = new HeldBytes();
  const chunk = Buffer.from('first');
  held.append(chunk, 0, 5);
  chunk.fill('x');
  assert.equal(held.take().toString(), 'first');
});

test('held bytes: byte by byte costs no more than a few copies', (t) => {
  const held = new HeldBytes();
  const byte = Buffer.from('x');
  const { mock } = t.mock.method(Buffer, 'allocUnsafe');
  for (let count = 0; count < 65_536; count += 1) held.append(byte, 0, 1);
  assert.equal(held.length, 65_536);
  // Each time it grows all is copied: at each byte that would be 2 GiB.
  const grown = mock.calls.map(({ result }) => result?.length ?? 0);
  assert.deepEqual(grown, [512, 1024, 2048, 4096, 8192, 16_384, 32_768, 65_536]);
});

test('held bytes: what is put back piece by piece stays whole, and costs no more than a few copies', (t) => {
  const held = new HeldBytes();
  const random = createSeededRandom(5);
  const bytes = Buffer.from(Array.from({ length: 190_000 }, () => random.next() * 256));
  held.append(bytes, 0, bytes.length);
  const { mock } = t.mock.method(Buffer, 'allocUnsafe');
  let used = 0;
  while (held.length > 0) {
    const all = held.take();
    const step = Math.min(30, all.length);
    assert.ok(all.subarray(0, step).equals(bytes.subarray(used, used + step)), `at ${used}`);
    used += step;
    if (step === all.length) break;
    held.putBack(all, step, all.length);
    if (used === 60_000) {
      held.append(Buffer.from('more'), 0, 4);
      assert.equal(held.length, bytes.length - used + 4);
      const whole = held.take();
      assert.equal(whole.subarray(-4).toString(), 'more');
      held.putBack(whole, 0, whole.length - 4);
    }
  }
  assert.equal(used, bytes.length);
  const copied = mock.calls.reduce((sum, { arguments: [size] }) => sum + Number(size), 0);
  assert.ok(copied < 4 * bytes.length, `${copied} bytes allocated`);
});
