import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeMetrics } from './describe-metrics.ts';
import { METRICS } from './metric-names.ts';
import { createMetricsRegistry } from './metrics-registry.ts';

test('names follow the rules: prefix, unit, _total on counters only', () => {
  for (const [name, row] of Object.entries(METRICS)) {
    assert.match(name, /^headgate_[a-z]+(_[a-z]+)*$/, name);
    assert.equal(name.endsWith('_total'), row.type === 'counter', name);
    if (row.unit === 'seconds') assert.match(name, /_seconds(_total)?$/, name);
    if (row.unit === 'bytes') assert.match(name, /_bytes(_total)?$/, name);
    assert.match(row.help, /^[A-Z0-9]/, name);
  }
});

test('the reference page lists every metric once', () => {
  const page = describeMetrics();
  for (const name of Object.keys(METRICS)) {
    assert.equal(page.split(`| \`${name}\` |`).length, 2, name);
  }
});

test('a registry renders the metrics it was asked for, each made once', async () => {
  const registry = createMetricsRegistry('config-service');
  registry.counter('headgate_config_writes_total').inc({ kind: 'plan', outcome: 'committed' });
  registry.counter('headgate_config_writes_total').inc({ kind: 'plan', outcome: 'committed' });
  registry.gauge('headgate_outbox_pending', (gauge) => gauge.set(7));
  registry.histogram('headgate_publish_duration_seconds').observe(0.02);
  const text = await registry.render();
  const service = 'service="config-service"';
  assert.ok(
    text.includes(`headgate_config_writes_total{kind="plan",outcome="committed",${service}} 2\n`),
  );
  assert.ok(text.includes(`headgate_outbox_pending{${service}} 7\n`));
  assert.ok(text.includes(`headgate_publish_duration_seconds_count{${service}} 1\n`));
  assert.match(text, /process_cpu_seconds_total/);
});
