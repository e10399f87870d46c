/** A wait that others can end; rings while nobody waits are remembered, any number as one. */
export interface Doorbell {
  /** Ends the present wait, or else the next one. */
  ring(): void;
  /** Resolves after `ms` or when rung. At most one wait at a time. */
  wait(ms: number): Promise<void>;
}

/** Creates a doorbell on the machine's timers. */
export function createDoorbell(): Doorbell {
  let rung = false;
  let end: (() => void) | null = null;
  return {
    ring() {
      if (end === null) rung = true;
      else end();
    },
    wait(ms) {
      if (rung) {
        rung = false;
        return Promise.resolve();
      }
      return new Promise((resolve) => {
        const finish = () => {
          clearTimeout(timer);
          end = null;
          resolve();
        };
        const timer = setTimeout(finish, ms);
        end = finish;
      });
    },
  };
}
