import assert from 'node:assert/strict';
import { waitFor } from '@headgate/testkit';
import type { TestEdge } from './edge-process.ts';

/** Waits until an edge has exited with code 0; returns how long that took, in milliseconds. */
export async function gracefulExitMs(edge: TestEdge, deadlineMs = 5000): Promise<number> {
  const startMs = performance.now();
  const exit = await waitFor(() => edge.process.exit(), { message: 'the exit', deadlineMs });
  assert.deepEqual(exit, { code: 0, signal: null });
  return performance.now() - startMs;
}
