import { fullJitterMs, type Random } from '@headgate/runtime';

const RESTARTS_MAX = 5;
const WINDOW_MS = 60_000;
const DELAY_BASE_MS = 500;
const DELAY_MAX_MS = 8000;
const DELAY_MIN_MS = 100;

/**
 * How long to wait before a component that died starts again, in ms; null to give up: it has died
 * more than five times within a minute.
 *
 * @param deaths monotonic times in ms of its deaths, oldest first, the present one included.
 */
export function restartDelayMs(
  deaths: readonly number[],
  nowMs: number,
  random: Random,
): number | null {
  const recent = deaths.filter((death) => nowMs - death < WINDOW_MS).length;
  if (recent > RESTARTS_MAX) return null;
  return DELAY_MIN_MS + fullJitterMs(random, recent - 1, DELAY_BASE_MS, DELAY_MAX_MS);
}
