/** A sleep that can be cut short; for loops that wait but must react at once. */
export interface WakeableSleep {
  /** Resolves after `ms`, or at the next `wake()`. At most one sleep at a time. */
  sleep(ms: number): Promise<void>;
  /** Ends the present sleep; without one, makes the next end at once. */
  wake(): void;
}

/** Creates a sleep on the machine's timers. */
export function createWakeableSleep(): WakeableSleep {
  let end: (() => void) | null = null;
  let woken = false;
  return {
    sleep(ms) {
      if (woken) {
        woken = false;
        return Promise.resolve();
      }
      return new Promise((resolve) => {
        const timer = setTimeout(() => end?.(), ms);
        end = () => {
          clearTimeout(timer);
          end = null;
          resolve();
        };
      });
    },
    wake() {
      if (end === null) woken = true;
      else end();
    },
  };
}
