import assert from 'node:assert/strict';
import { startStopwatch, waitFor } from '@headgate/testkit';
import type { TestEdge } from './edge-process.ts';

/** Waits until an edge has exited with code 0; returns how long that took, in ms of a stopwatch. */
export async function gracefulExitMs(edge: TestEdge, deadlineMs = 15_000): Promise<number> {
  const stopwatch = startStopwatch();
  const exit = await waitFor(() => edge.process.exit(), { message: 'the exit', deadlineMs });
  const tookMs = stopwatch.stop();
  assert.deepEqual(exit, { code: 0, signal: null });
  return tookMs;
}
