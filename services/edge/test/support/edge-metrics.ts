/** The metrics of an edge as Prometheus text. `admin` is the URL of its admin listener. */
export async function readMetrics(admin: string): Promise<string> {
  return (await fetch(`${admin}/metrics`)).text();
}

/** Whether the metrics of an edge have all of these lines, such as `headgate_workers 2`. */
export async function hasMetrics(admin: string, ...lines: readonly string[]): Promise<boolean> {
  const present = new Set((await readMetrics(admin)).split('\n'));
  return lines.every((line) => present.has(line));
}

/** Value of one series of an edge's metrics, such as `headgate_workers`; 0 if it is not there. */
export async function metricValue(admin: string, series: string): Promise<number> {
  const lines = (await readMetrics(admin)).split('\n');
  const line = lines.find((candidate) => candidate.startsWith(`${series} `));
  return line === undefined ? 0 : Number(line.slice(series.length + 1));
}

/** Sum of all series of a metric in Prometheus text; 0 if there is none. */
export function metricSum(metrics: string, name: string): number {
  let sum = 0;
  for (const [, value] of metrics.matchAll(new RegExp(`^${name}(?:\\{.*\\})? (\\S+)$`, 'gm'))) {
    sum += Number(value);
  }
  return sum;
}
