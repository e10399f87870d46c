import { CliError, EXIT } from './cli-error.ts';
import type { ApplyReply } from './replies.ts';

/** The query of a write that waits for the edges, at most so many ms; '' for one that does not. */
export function convergenceQuery(waitMs: number | null): string {
  return waitMs === null ? '' : `?wait=converged&timeout=${waitMs}`;
}

/** What a write that waited for the edges says of them; '' for nothing. */
export function convergenceText({ converged }: Pick<ApplyReply, 'converged'>): string {
  return converged === true ? ' All live edges have it.' : '';
}

/** @throws CliError if the write waited, and not every live edge had it in time. */
export function assertConverged(
  { converged }: Pick<ApplyReply, 'converged'>,
  waitMs: number | null,
): void {
  if (converged !== false) return;
  throw new CliError(EXIT.failure, 'not every live edge has the change yet', [
    `It is stored, and reaches them as soon as they can take it (waited ${waitMs} ms).`,
    'See which edge is missing, and why: headgate status',
  ]);
}
