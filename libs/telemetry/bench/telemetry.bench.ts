/** Cost of what the edge does per request. Run: `node libs/telemetry/bench/telemetry.bench.ts`. */
import { systemRandom } from '@headgate/runtime';
import {
  accessRecordLine,
  compileAccessTexts,
  endpointText,
  type AccessRecord,
} from '../src/access-record.ts';
import { escapeJson } from '../src/escape-json.ts';
import { LineSink } from '../src/line-sink.ts';
import { createTraceContexts } from '../src/trace-context.ts';
import { parseTraceparent } from '../src/traceparent.ts';
import { createWorkerMetrics } from '../src/worker-metrics.ts';

const ROUNDS = 7;
let sink = 0;

/** Median of some rounds, in ns per call. */
function bench(name: string, calls: number, run: (i: number) => number): void {
  const samples: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const start = performance.now();
    for (let i = 0; i < calls; i += 1) sink += run(i);
    samples.push(((performance.now() - start) * 1e6) / calls);
  }
  samples.sort((a, b) => a - b);
  console.log(`${name.padEnd(44)} ${(samples[ROUNDS >> 1] ?? 0).toFixed(1).padStart(8)} ns`);
}

const record = {
  timeMs: 1_790_000_000_000,
  requestId: '0f8fad5b-d9cb-469f-a165-70867728950e',
  tenantId: 'acme',
  routeId: 'orders',
  principalId: 'key-1',
  tlsText: '',
  clientIp: '203.0.113.7',
  method: 'GET',
  host: 'api.acme.example',
  path: '/v1/orders/8812?',
  status: 200,
  code: null,
  proxyStatus: null,
  durationMs: 3.4567,
  limiterMs: 0.41,
  limitOutcome: 'allowed',
  bytesIn: 0,
  bytesOut: 280,
  upstreamId: 'orders',
  endpoint: '10.0.0.12:8080',
  attempts: 1,
  upstreamMs: 2.9,
  userAgent: 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)',
  traceId: '0af7651916cd43dd8448eb211c80319c',
  revision: 42,
  texts: compileAccessTexts({
    tenantId: 'acme',
    routeId: 'orders',
    upstreamId: 'orders',
    revision: 42,
  }),
  endpointText: endpointText('10.0.0.12:8080'),
} satisfies AccessRecord;

const HEAD = 'GET /v1/orders/8812? HTTP/1.1\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\n\r\n';

/** Numbers and texts are new in each record, as in life: V8 remembers how it printed the last ones. */
function freshRecord(i: number): AccessRecord {
  record.timeMs += i & 1;
  record.requestId = `0f8fad5bd9cb469f-${i.toString(36)}`;
  record.path = HEAD.substring(4, 20);
  record.userAgent = HEAD.substring(43, HEAD.length - 4);
  record.durationMs = 1 + (i % 1000) / 937;
  record.upstreamMs = 1 + (i % 777) / 777;
  return record;
}

const slots = Array.from({ length: 1024 }, (_, i) =>
  createWorkerMetrics().tenantSlot(`tenant-${i}`),
);
bench('TenantSlot.record, 1 tenant', 5_000_000, (i) => {
  slots[0]?.record(2, (i & 63) * 0.37, 10, 280);
  return 0;
});
bench('TenantSlot.record, 1024 tenants', 5_000_000, (i) => {
  slots[(i * 7) & 1023]?.record(2, (i & 63) * 0.37, 10, 280);
  return 0;
});
const counter = createWorkerMetrics().counter('headgate_limit_batches_total', {});
bench('CounterCell.value += 1', 5_000_000, () => (counter.value += 1) & 1);

const texts = ['/v1/orders/8812', '/v1/orders/8813', 'Mozilla/5.0 (X11; Linux x86_64)'];
bench('escapeJson, clean', 2_000_000, (i) => escapeJson(texts[i % 3] ?? '', 1024).length);
const dirty = ['/a"b', '/\u2028x', 'ünïcode'];
bench('escapeJson, dirty', 1_000_000, (i) => escapeJson(dirty[i % 3] ?? '', 1024).length);
const stringified = (i: number): number => JSON.stringify(texts[i % 3]).length;
bench('  JSON.stringify of the clean text', 2_000_000, stringified);

bench('accessRecordLine', 300_000, (i) => accessRecordLine('edge-1', freshRecord(i)).length);
bench('  JSON.stringify of the record', 300_000, (i) => JSON.stringify(freshRecord(i)).length);

const discard = new LineSink({
  destination: {
    atomicBytesMax: 4096,
    write: (_chunk, done) => done(null),
  },
});
bench('accessRecordLine + LineSink.write', 300_000, (i) => {
  const line = accessRecordLine('edge-1', freshRecord(i));
  discard.write(line, line.length);
  return 0;
});

const contexts = createTraceContexts({
  random: systemRandom,
  ratio: 0.01,
});
const inbound = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00';
bench('parseTraceparent', 2_000_000, () => (parseTraceparent(inbound) === null ? 0 : 1));
bench('trace context, new, 1 % sampled', 1_000_000, () => (contexts.create(null).sampled ? 1 : 0));
bench('trace context, inbound unsampled', 2_000_000, () =>
  contexts.create(inbound).sampled ? 1 : 0,
);
if (!Number.isFinite(sink)) console.log(sink);
