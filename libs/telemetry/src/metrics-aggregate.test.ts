import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createMetricsAggregate } from './metrics-aggregate.ts';
import { createWorkerMetrics, type WorkerSnapshot } from './worker-metrics.ts';

/** Samples of a Prometheus text; fails on a line that does not parse and on a repeated series. */
function parseExposition(text: string): Map<string, number> {
  const samples = new Map<string, number>();
  for (const line of text.split('\n')) {
    if (line === '' || line.startsWith('# ')) continue;
    const match =
      /^([a-z_]+(?:\{(?:[a-z_]+="(?:[^"\\]|\\.)*",?)*\})?) ([0-9.e+-]+|NaN|\+Inf)$/i.exec(line);
    assert.ok(match, `not an exposition line: ${line}`);
    const [, series = '', value] = match;
    assert.ok(!samples.has(series), `repeated: ${series}`);
    samples.set(series, Number(value));
  }
  return samples;
}

function createAggregate() {
  return createMetricsAggregate({ nowMs: () => 0, processMetrics: false });
}

function throughIpc(snapshot: WorkerSnapshot): WorkerSnapshot {
  return JSON.parse(JSON.stringify(snapshot)) as WorkerSnapshot;
}

test('the counts of all workers add up, also of one that died and was replaced', async () => {
  const aggregate = createAggregate();
  for (const workerId of ['1', '2', '3']) {
    const worker = createWorkerMetrics();
    worker.tenantSlot('acme').record(2, 1, 10, 200);
    worker.counter('headgate_local_replies_total', { code: 'HG_ROUTE_NOT_FOUND' }).value += 2;
    worker.gauge('headgate_downstream_connections', {}).value = 5;
    worker.gauge('headgate_config_revision', {}).value = Number(workerId);
    worker.histogram('headgate_limit_duration_seconds', {}).record(0.3);
    aggregate.apply(workerId, throughIpc(worker.takeSnapshot()));
    if (workerId === '1') aggregate.removeWorker('1');
  }
  const samples = parseExposition(await aggregate.render());
  const acme = 'tenant="acme"';
  const expected = {
    [`headgate_requests_total{${acme},status_class="2xx"}`]: 3,
    [`headgate_request_bytes_total{${acme}}`]: 30,
    [`headgate_response_bytes_total{${acme}}`]: 600,
    [`headgate_request_duration_seconds_bucket{${acme},le="0.0005"}`]: 0,
    [`headgate_request_duration_seconds_bucket{${acme},le="0.001"}`]: 3,
    [`headgate_request_duration_seconds_bucket{${acme},le="+Inf"}`]: 3,
    [`headgate_request_duration_seconds_count{${acme}}`]: 3,
    'headgate_local_replies_total{code="HG_ROUTE_NOT_FOUND"}': 6,
    headgate_downstream_connections: 10,
    headgate_config_revision: 2,
    headgate_limit_duration_seconds_count: 3,
    'headgate_limit_duration_seconds_bucket{le="0.0005"}': 3,
    headgate_tenant_labels: 1,
  };
  for (const [series, value] of Object.entries(expected)) {
    assert.equal(samples.get(series), value, series);
  }
});

test('a snapshot holds increments only: the second one repeats nothing', () => {
  const worker = createWorkerMetrics();
  const counter = worker.counter('headgate_limit_batches_total', {});
  worker.tenantSlot('acme').record(5, 2, 0, 0);
  counter.value += 3;
  assert.equal(worker.takeSnapshot().tenants.length, 1);
  counter.value += 1;
  const second = worker.takeSnapshot();
  assert.deepEqual(second.tenants, []);
  assert.deepEqual(second.counters, [['headgate_limit_batches_total', [], 1]]);
});

test('a released tenant is reported once more, then its slot is gone', () => {
  const worker = createWorkerMetrics();
  const slot = worker.tenantSlot('acme');
  slot.record(2, 1, 0, 0);
  worker.releaseTenant('acme');
  slot.record(2, 1, 0, 0);
  const snapshot = worker.takeSnapshot();
  assert.equal(snapshot.tenants[0]?.[1][2], 2);
  assert.deepEqual(snapshot.released, ['acme']);
  assert.deepEqual(worker.takeSnapshot().released, []);
  assert.notEqual(worker.tenantSlot('acme'), slot);
});

test('label values beyond the cap of a metric share one series', () => {
  const worker = createWorkerMetrics({ seriesMax: 10 });
  for (let i = 0; i < 1000; i += 1) {
    worker.counter('headgate_local_replies_total', { code: `C${i}` }).value += 1;
  }
  const { counters } = worker.takeSnapshot();
  assert.equal(counters.length, 10);
  assert.deepEqual(counters.at(-1), ['headgate_local_replies_total', ['other'], 991]);
});

test('hostile label values leave the exposition parseable', async () => {
  const worker = createWorkerMetrics();
  worker.tenantSlot('a"b\n\\').record(2, 1, 0, 0);
  const aggregate = createAggregate();
  aggregate.apply('1', worker.takeSnapshot());
  const samples = parseExposition(await aggregate.render());
  assert.equal(samples.get('headgate_requests_total{tenant="a\\"b\\n\\\\",status_class="2xx"}'), 1);
});

test('10,000 active tenants are rendered as 51 series groups', async () => {
  const worker = createWorkerMetrics();
  for (let i = 0; i < 10_000; i += 1) worker.tenantSlot(`tenant-${i}`).record(2, 3, 1, 1);
  for (let i = 0; i < 60; i += 1) worker.tenantSlot('tenant-9999').record(2, 3, 1, 1);
  const aggregate = createAggregate();
  aggregate.apply('1', throughIpc(worker.takeSnapshot()));
  const samples = parseExposition(await aggregate.render());
  const counts = [...samples].filter(([series]) => series.startsWith('headgate_requests_total'));
  assert.equal(counts.length, 51);
  assert.equal(samples.get('headgate_requests_total{tenant="tenant-9999",status_class="2xx"}'), 61);
  assert.equal(
    counts.reduce((sum, [, value]) => sum + value, 0),
    10_060,
  );
});
