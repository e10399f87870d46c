import { StoreFailure } from '@headgate/limiting';

/** Parts of a timeout. */
const PARTS = 5;

/** Longest wait, in timeouts: 250 ms at the default of 25 ms. */
const WAIT_TIMES_MAX = 10;

/**
 * Resolves or rejects as `answer` does, or rejects with a `timeout` StoreFailure.
 *
 * Time in which this process could not read does not count: the timeout is waited for in parts, and a part that ends
 * late, because the event loop was held up or the process had no CPU, counts as one part. The verdict then waits for one
 * more turn of the loop, which reads what lies in the socket. In all it takes at most WAIT_TIMES_MAX timeouts, and the
 * part in which that is noticed, so that a loop which is always late loses a dead store too.
 *
 * @param onTimeout called when the answer is given up; it may still come.
 */
export function settleWithin<T>(
  answer: Promise<T>,
  timeoutMs: number,
  onTimeout: () => void,
): Promise<T> {
  return new Promise((resolve, reject) => {
    let isSettled = false;
    const expire = (): void => {
      if (isSettled) return;
      isSettled = true;
      onTimeout();
      reject(new StoreFailure('timeout', `no answer within ${timeoutMs} ms`));
    };
    const startMs = performance.now();
    let partsLeft = PARTS;
    const endPart = (): void => {
      partsLeft -= 1;
      const isOver = performance.now() - startMs >= timeoutMs * WAIT_TIMES_MAX;
      if (partsLeft === 0 || isOver) setImmediate(expire);
      else timer = setTimeout(endPart, timeoutMs / PARTS);
    };
    let timer = setTimeout(endPart, timeoutMs / PARTS);
    answer.then(
      (value) => {
        isSettled = true;
        clearTimeout(timer);
        resolve(value);
      },
      (error: unknown) => {
        isSettled = true;
        clearTimeout(timer);
        reject(error instanceof Error ? error : new Error(String(error)));
      },
    );
  });
}
