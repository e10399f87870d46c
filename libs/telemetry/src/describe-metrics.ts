import { METRICS, metricDefinition, type MetricName } from './metric-names.ts';

const SERVICES = ['edge', 'config-service', 'health-service', 'all'] as const;

/** The reference page of all metrics, as Markdown: one table per service. */
export function describeMetrics(): string {
  const names = Object.keys(METRICS) as MetricName[]; // the table's own keys
  const sections = SERVICES.map((service) => {
    const rows = names
      .filter((name) => metricDefinition(name).service === service)
      .sort()
      .map(describeRow);
    const title = service === 'all' ? 'Every service' : service;
    return `## ${title}\n\n| metric | type | unit | labels | meaning |\n|---|---|---|---|---|\n${rows.join('\n')}\n`;
  });
  return `# Metrics\n\nGenerated from \`libs/telemetry/src/metric-names.ts\`; do not edit.\n\n${sections.join('\n')}`;
}

function describeRow(name: MetricName): string {
  const { type, unit, labels, help } = metricDefinition(name);
  const shown = labels.map((label) => `\`${label}\``).join(', ');
  return `| \`${name}\` | ${type} | ${unit} | ${shown === '' ? '–' : shown} | ${help.replaceAll('|', '\\|')} |`;
}
