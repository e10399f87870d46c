/** What stands before the one line of JSON that a load generator prints when it is done. */
const REPORT_MARK = 'headgate-bench ';

/** Prints the report of this load generator and ends its process, whatever connections are still open. */
export function exitWithReport(report: object): void {
  process.stdout.write(`${REPORT_MARK}${JSON.stringify(report)}\n`, () => process.exit(0));
}

/**
 * The report in a load generator's standard output.
 *
 * @throws Error if there is not exactly one, or it is not JSON.
 */
export function readReportLine(lines: readonly string[]): unknown {
  const marked = lines.filter((line) => line.startsWith(REPORT_MARK));
  const [line] = marked;
  if (line === undefined || marked.length > 1) {
    throw new Error(`${marked.length} reports in the output:\n${lines.join('\n')}`);
  }
  return JSON.parse(line.slice(REPORT_MARK.length));
}
