import { METRICS, type MetricDefinition } from '@headgate/telemetry';
import { code, markdownTable, pageHead } from './markdown.ts';

/** `docs/reference/metrics.md`, from the table of metrics. */
export function renderMetricsPage(): string {
  const table: Readonly<Record<string, MetricDefinition>> = METRICS;
  const rows = Object.entries(table).map(([name, { type, unit, labels, service, help }]) => [
    code(name),
    type,
    unit,
    labels.map(code).join(', '),
    service,
    help,
  ]);
  const intro =
    'Every service shows its metrics at `GET /metrics` of its admin listener, in Prometheus text.\n' +
    'The label `tenant` holds one of the busiest tenants or `other`.';
  const columns = ['metric', 'type', 'unit', 'labels', 'service', 'meaning'];
  return `${pageHead('Metrics', intro)}\n${markdownTable(columns, rows)}`;
}
