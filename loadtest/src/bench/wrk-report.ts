import { z } from 'zod';
import { readReportLine } from './report-line.ts';

// What `rotate-hosts.lua` prints when wrk is done: one line of JSON behind a mark. wrk's own text rounds latencies to
// three digits and leaves out errors that did not happen.

const WrkLine = z.strictObject({
  requests: z.int().min(0),
  durationUs: z.number().positive(),
  p50Us: z.number().min(0),
  p99Us: z.number().min(0),
  connect: z.int().min(0),
  read: z.int().min(0),
  write: z.int().min(0),
  timeout: z.int().min(0),
  status: z.int().min(0),
  denied: z.int().min(0),
});

/** What one run of wrk saw. */
export interface WrkReport {
  /** Answers received, whatever their status. */
  readonly requests: number;
  readonly rps: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Answers of 429, if they were expected; else they are failures, and this is 0. */
  readonly denied: number;
  /** Socket errors (connect, read, write), timeouts, and statuses of 400 and more. */
  readonly failedRequests: number;
}

/**
 * Reads wrk's standard output.
 *
 * @throws Error if it does not hold exactly one report.
 */
export function parseWrkOutput(lines: readonly string[]): WrkReport {
  const report = WrkLine.parse(readReportLine(lines));
  const { connect, read, write, timeout, status, denied } = report;
  return {
    requests: report.requests,
    rps: (report.requests * 1e6) / report.durationUs,
    p50Ms: report.p50Us / 1000,
    p99Ms: report.p99Us / 1000,
    denied,
    failedRequests: connect + read + write + timeout + status - denied,
  };
}
