import assert from 'node:assert/strict';
import { test } from 'node:test';
import { METRICS, type MetricDefinition } from '@headgate/telemetry';
import { parse } from 'yaml';
import { z } from 'zod';
import { readComposeFile, readText } from './compose-file.ts';

const table: Readonly<Record<string, MetricDefinition>> = METRICS;

const Dashboard = z.object({
  uid: z.string(),
  schemaVersion: z.int().min(39),
  templating: z.object({ list: z.array(z.object({ name: z.string(), definition: z.string() })) }),
  panels: z
    .array(
      z.object({
        id: z.int(),
        title: z.string().min(1),
        type: z.enum(['timeseries', 'stat']),
        datasource: z.object({ uid: z.string() }),
        gridPos: z.object({ x: z.int(), y: z.int(), w: z.int().max(24), h: z.int() }),
        targets: z.array(z.object({ expr: z.string().min(1), refId: z.string() })).min(1),
      }),
    )
    .min(8),
});

const Datasources = z.object({
  apiVersion: z.literal(1),
  datasources: z.array(z.object({ uid: z.string(), type: z.string(), url: z.url() })),
});

const Prometheus = z.object({
  scrape_configs: z.array(
    z.object({
      job_name: z.string(),
      static_configs: z.array(z.object({ targets: z.array(z.string()) })),
    }),
  ),
});

const Collector = z.object({
  receivers: z.record(z.string(), z.unknown()),
  processors: z.record(z.string(), z.unknown()),
  exporters: z.record(z.string(), z.object({ endpoint: z.string() })),
  service: z.object({
    pipelines: z.record(
      z.string(),
      z.object({
        receivers: z.array(z.string()).min(1),
        processors: z.array(z.string()),
        exporters: z.array(z.string()).min(1),
      }),
    ),
  }),
});

async function readDashboard() {
  return Dashboard.parse(JSON.parse(await readText('deploy/grafana/dashboards/tenants.json')));
}

test('every metric and label of the dashboard exists', async () => {
  const dashboard = await readDashboard();
  const expressions = [
    ...dashboard.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr)),
    ...dashboard.templating.list.map(({ definition }) => definition),
  ];
  let seen = 0;
  for (const expression of expressions) {
    const names = expression.match(/headgate_[a-z0-9_]+/g) ?? [];
    assert.ok(names.length > 0, expression);
    const labels = names.flatMap((name) => {
      const definition = table[name] ?? table[name.replace(/_(bucket|sum|count)$/, '')];
      assert.ok(definition !== undefined, `${name} is not in the table of metrics`);
      assert.equal(/_bucket$/.test(name), definition.type === 'histogram', name);
      assert.equal(
        /rate\([^)]*$/.test(expression.slice(0, expression.indexOf(name))),
        definition.type !== 'gauge' && !expression.startsWith('label_values'),
        `rate() belongs to counters and histograms: ${expression}`,
      );
      return definition.labels;
    });
    for (const [, group = ''] of expression.matchAll(/by \(([^)]+)\)/g)) {
      for (const label of group.split(', ')) assert.ok([...labels, 'le'].includes(label), label);
    }
    seen += names.length;
  }
  assert.ok(seen >= 15);
});

test('the dashboard shows what a first look at a tenant needs', async () => {
  const dashboard = await readDashboard();
  const text = JSON.stringify(dashboard.panels);
  for (const metric of [
    'headgate_requests_total',
    'headgate_request_duration_seconds',
    'headgate_limit_decisions_total',
    'headgate_limit_degraded',
    'headgate_config_revision',
    'headgate_endpoints',
  ]) {
    assert.ok(text.includes(metric), metric);
  }
  assert.equal(new Set(dashboard.panels.map(({ id }) => id)).size, dashboard.panels.length);
});

test('no two panels overlap', async () => {
  const { panels } = await readDashboard();
  const taken = new Map<string, string>();
  for (const { title, gridPos } of panels) {
    assert.ok(gridPos.x + gridPos.w <= 24, title);
    for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
      for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
        assert.equal(taken.get(`${x},${y}`), undefined, title);
        taken.set(`${x},${y}`, title);
      }
    }
  }
});

test('panels use a provisioned datasource that points to a service of the compose file', async () => {
  const dashboard = await readDashboard();
  const { services } = await readComposeFile();
  const path = 'deploy/grafana/provisioning/datasources/datasources.yaml';
  const { datasources } = Datasources.parse(parse(await readText(path)));
  const uids = datasources.map(({ uid }) => uid);
  for (const panel of dashboard.panels) assert.ok(uids.includes(panel.datasource.uid), panel.title);
  for (const { url } of datasources) assert.ok(new URL(url).hostname in services, url);
});

test('Prometheus scrapes the admin listener of every Headgate service of the compose file', async () => {
  const { services } = await readComposeFile();
  const { scrape_configs: jobs } = Prometheus.parse(
    parse(await readText('deploy/prometheus/prometheus.yml')),
  );
  const targets = jobs.flatMap((job) => job.static_configs.flatMap((config) => config.targets));
  const own = Object.entries(services)
    .filter(([name, { build }]) => build !== undefined && name !== 'cli')
    .map(([name]) => `${name}:9090`);
  assert.deepEqual(targets.sort(), own.sort());
});

test('the collector is wired: every part of a pipeline is defined and every exporter exists', async () => {
  const { services } = await readComposeFile();
  const collector = Collector.parse(parse(await readText('deploy/otel/collector.yaml')));
  for (const { receivers, processors, exporters } of Object.values(collector.service.pipelines)) {
    for (const name of receivers) assert.ok(name in collector.receivers, name);
    for (const name of processors) assert.ok(name in collector.processors, name);
    for (const name of exporters) assert.ok(name in collector.exporters, name);
  }
  for (const { endpoint } of Object.values(collector.exporters)) {
    assert.ok((endpoint.split(':')[0] ?? '') in services, endpoint);
  }
  assert.ok('otlp' in collector.receivers);
});
