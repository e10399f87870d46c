import { StoreFailure } from '@headgate/limiting';

/**
 * Resolves or rejects as `answer` does, or rejects with a `timeout` StoreFailure.
 *
 * When the event loop was held up, the timer fires before the replies that already lie in the socket are read; so the
 * verdict waits for one more turn of the loop, which reads them. A stall of this process is not a slow store.
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
    const timer = setTimeout(() => setImmediate(expire), timeoutMs);
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
