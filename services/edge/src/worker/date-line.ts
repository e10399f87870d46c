import type { Clock } from '@headgate/runtime';

/** Creates the `Date` line with CRLF; written anew at most once a second. */
export function createDateLine(clock: Clock): () => string {
  let second = -1;
  let line = '';
  return () => {
    const nowMs = clock.nowMs();
    const nowSecond = Math.floor(nowMs / 1000);
    if (nowSecond !== second) {
      second = nowSecond;
      line = `Date: ${new Date(nowMs).toUTCString()}\r\n`;
    }
    return line;
  };
}
