import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { createSeededRandom } from '@headgate/testkit';
import { closeFrame, FrameTracker } from './web-socket-frames.ts';

const KEY = Uint8Array.from([0x11, 0x22, 0x83, 0xf4]);

function frame(opcode: number, payloadBytes: number, masked: boolean): Buffer {
  const mask = masked ? 0x80 : 0;
  const header = [0x80 | opcode];
  if (payloadBytes < 126) header.push(mask | payloadBytes);
  else if (payloadBytes < 65_536) header.push(mask | 126, payloadBytes >> 8, payloadBytes & 0xff);
  else header.push(mask | 127, 0, 0, 0, 0, ...u32(payloadBytes));
  if (masked) header.push(...KEY);
  // A payload full of what looks like close frames.
  return Buffer.concat([Buffer.from(header), Buffer.alloc(payloadBytes, '\x88\x00', 'latin1')]);
}

const u32 = (value: number): number[] => [
  value >>> 24,
  (value >> 16) & 0xff,
  (value >> 8) & 0xff,
  value & 0xff,
];

const LENGTHS = [0, 1, 2, 125, 126, 127, 255, 256, 65_535, 65_536];
const frames = LENGTHS.flatMap((length) => [frame(1, length, false), frame(2, length, true)]);
const stream = Buffer.concat(frames);
const boundaries = new Set<number>();
frames.reduce((at, one) => (boundaries.add(at + one.length), at + one.length), 0);

suite('frame tracker', () => {
  test('byte by byte, it is at a boundary behind each frame and nowhere else', () => {
    const tracker = new FrameTracker();
    assert.ok(tracker.atBoundary);
    for (let at = 0; at < stream.length; at += 1) {
      tracker.skip(stream, at, at + 1);
      assert.equal(tracker.atBoundary, boundaries.has(at + 1), `after byte ${at}`);
    }
    assert.ok(!tracker.closed);
  });

  test('small frames cut at every two places: the same', () => {
    const small = Buffer.concat([
      frame(1, 3, true),
      frame(9, 0, false),
      frame(2, 126, true),
      frame(1, 130, false),
    ]);
    const ends = [9, 11, 11 + 134, 11 + 134 + 134];
    for (let first = 0; first <= small.length; first += 1) {
      for (let second = first; second <= small.length; second += 1) {
        const tracker = new FrameTracker();
        tracker.skip(small, 0, first);
        assert.equal(tracker.atBoundary, first === 0 || ends.includes(first));
        tracker.skip(small, first, second);
        assert.equal(tracker.atBoundary, second === 0 || ends.includes(second));
        tracker.skip(small, second, small.length);
        assert.ok(tracker.atBoundary);
      }
    }
  });

  test('next stops behind each frame, however the bytes are cut', () => {
    const random = createSeededRandom(3);
    for (let round = 0; round < 200; round += 1) {
      const tracker = new FrameTracker();
      const found: number[] = [];
      for (let from = 0; from < stream.length;) {
        const to = Math.min(stream.length, from + Math.ceil(random.next() ** 4 * 70_000));
        for (let at = from; at < to;) {
          at = tracker.next(stream, at, to);
          if (tracker.atBoundary) found.push(at);
        }
        from = to;
      }
      assert.deepEqual(found, [...boundaries]);
    }
  });

  test('a close frame counts once it is whole', () => {
    for (const masked of [false, true]) {
      const tracker = new FrameTracker();
      const close = Buffer.from(closeFrame(1001, masked ? KEY : null), 'latin1');
      for (let at = 0; at < close.length; at += 1) {
        assert.ok(!tracker.closed);
        tracker.skip(close, at, at + 1);
      }
      assert.ok(tracker.closed);
    }
  });

  test('a frame of 2^63 - 1 bytes has no end in sight', () => {
    const tracker = new FrameTracker();
    tracker.skip(Buffer.from([0x82, 127, 0x7f, ...Array<number>(7).fill(0xff)]), 0, 10);
    assert.ok(!tracker.atBoundary);
    tracker.skip(stream, 0, stream.length);
    assert.ok(!tracker.atBoundary);
  });
});

suite('close frame', () => {
  test('of a server: unmasked', () => {
    assert.equal(closeFrame(1001, null), '\x88\x02\x03\xe9');
  });

  test('of a client: masked with its key', () => {
    const bytes = Buffer.from(closeFrame(1001, KEY), 'latin1');
    assert.deepEqual([...bytes.subarray(0, 6)], [0x88, 0x82, ...KEY]);
    assert.deepEqual([(bytes[6] ?? 0) ^ 0x11, (bytes[7] ?? 0) ^ 0x22], [0x03, 0xe9]);
  });
});
