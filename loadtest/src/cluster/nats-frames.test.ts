import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NatsFrames } from './nats-frames.ts';

const FRAMES: readonly (readonly [text: string, subject: string | null])[] = [
  ['INFO {"max_payload":1048576}\r\n', null],
  ['PING\r\n', null],
  ['MSG a.b 1 5\r\nhel\r\n\r\n', 'a.b'],
  ['MSG a.c 1 _INBOX.x 0\r\n\r\n', 'a.c'],
  ['HMSG $KV.bucket.key 7 $JS.ACK.x 12 14\r\nNATS/1.0\r\n\r\nhi\r\n', '$KV.bucket.key'],
  ['PUB x 4\r\nPUB \r\n', 'x'],
  ['HPUB y reply 12 12\r\nNATS/1.0\r\n\r\n\r\n', 'y'],
  ['SUB a.> 3\r\n', null],
];

test('a stream of NATS is cut into its frames, however it arrives', () => {
  const whole = Buffer.from(FRAMES.map(([text]) => text).join(''));
  for (const size of [1, 2, 7, whole.length]) {
    const frames = new NatsFrames();
    const found: (readonly [string, string | null])[] = [];
    for (let from = 0; from < whole.length; from += size) {
      for (const { bytes, subject } of frames.push(whole.subarray(from, from + size))) {
        found.push([bytes.toString(), subject]);
      }
    }
    assert.deepEqual(found, FRAMES, `in chunks of ${size} bytes`);
  }
});
