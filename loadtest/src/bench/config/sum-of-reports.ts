import type { OpenLoopReport } from '../open-loop/open-loop.ts';

/** No connection of the generator was free: the answers before were late. */
const NOT_SENT = 'no connection free';

/** Requests, failures and closed connections of several loads together, as a row holds them. */
export function sumOf(...reports: readonly OpenLoopReport[]) {
  const sum = (count: (report: OpenLoopReport) => number): number =>
    reports.reduce((total, report) => total + count(report), 0);
  return {
    requests: sum(({ answered }) => answered),
    failedRequests: sum(({ failed, dropped }) => failed + dropped),
    failures: failuresOf(reports),
    droppedConnections: sum(({ lostConnections }) => lostConnections),
  };
}

/** Failures of all reports by what happened, those without a free connection included. */
function failuresOf(reports: readonly OpenLoopReport[]): Readonly<Record<string, number>> {
  const all: Record<string, number> = {};
  for (const { failures, dropped } of reports) {
    for (const [how, count] of [...Object.entries(failures), [NOT_SENT, dropped] as const]) {
      if (count > 0) all[how] = (all[how] ?? 0) + count;
    }
  }
  return all;
}
