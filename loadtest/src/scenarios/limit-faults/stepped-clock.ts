import { existsSync } from 'node:fs';
import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Of Debian's package libfaketime, by the name that Node has for a processor. */
const LIBRARIES: Readonly<Record<string, string>> = {
  x64: '/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1',
  arm64: '/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1',
};

/** The clock that some processes see, which steps while they run; that of the machine is left alone. */
export interface SteppedClock {
  /** Added to the environment of a process, makes it see this clock. Its monotonic clock stays as it is. */
  readonly env: Readonly<Record<string, string>>;
  /** From now on the clock is off by this. */
  setOff(byMs: number): Promise<void>;
}

/**
 * Makes a clock that shows the time until it is set off; null if libfaketime is not installed (`apt-get install libfaketime`).
 *
 * @param directory where a file of this name may lie; whoever made it removes it
 */
export async function createSteppedClock(
  directory: string,
  name: string,
): Promise<SteppedClock | null> {
  const library = LIBRARIES[process.arch];
  if (library === undefined || !existsSync(library)) return null;
  const file = join(directory, name);
  const setOff = async (byMs: number): Promise<void> => {
    await writeFile(`${file}.new`, `${byMs < 0 ? '-' : '+'}${Math.abs(byMs) / 1000}\n`);
    await rename(`${file}.new`, file); // no process reads the half of it
  };
  await setOff(0);
  const env = {
    // The C library's malloc before jemalloc's: that of Redis asks for the time before there is one, and would never end.
    LD_PRELOAD: `${library}:libc.so.6`,
    FAKETIME_TIMESTAMP_FILE: file,
    FAKETIME_NO_CACHE: '1',
    FAKETIME_DONT_FAKE_MONOTONIC: '1',
    DONT_FAKE_MONOTONIC: '1',
  };
  return { env, setOff };
}
