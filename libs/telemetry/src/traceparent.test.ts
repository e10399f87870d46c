import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ROOT_CONTEXT } from '@opentelemetry/api';
import { SamplingDecision, TraceIdRatioBasedSampler } from '@opentelemetry/sdk-trace';
import type { Random } from '@headgate/runtime';
import { createRatioSampler } from './ratio-sampler.ts';
import { createTraceContexts } from './trace-context.ts';
import { formatTraceparent, parseTraceparent } from './traceparent.ts';

const traceId = '0af7651916cd43dd8448eb211c80319c';
const spanId = 'b7ad6b7169203331';

function seededRandom(): Random {
  let state = 42;
  return {
    next() {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return state / 0x1_0000_0000;
    },
  };
}

test('valid headers', () => {
  const ids = { traceId, spanId };
  assert.deepEqual(parseTraceparent(`00-${traceId}-${spanId}-01`), { ...ids, sampled: true });
  assert.deepEqual(parseTraceparent(`00-${traceId}-${spanId}-02`), { ...ids, sampled: false });
  assert.deepEqual(parseTraceparent(`00-${traceId}-${spanId}-ff`), { ...ids, sampled: true });
  assert.deepEqual(parseTraceparent(`cc-${traceId}-${spanId}-01-x`), { ...ids, sampled: true });
  assert.equal(formatTraceparent(traceId, spanId, true), `00-${traceId}-${spanId}-01`);
});

for (const text of [
  '',
  `00-${traceId}-${spanId}`,
  `00-${traceId}-${spanId}-0`,
  `00-${traceId}-${spanId}-01-x`,
  `00-${traceId}-${spanId}-01 `,
  ` 00-${traceId}-${spanId}-01`,
  `ff-${traceId}-${spanId}-01`,
  `0g-${traceId}-${spanId}-01`,
  `cc-${traceId}-${spanId}-01x`,
  `00-${traceId.toUpperCase()}-${spanId}-01`,
  `00-${'0'.repeat(32)}-${spanId}-01`,
  `00-${traceId}-${'0'.repeat(16)}-01`,
  `00-${traceId}-${spanId}-0G`,
  `00_${traceId}_${spanId}_01`,
]) {
  test(`invalid: ${JSON.stringify(text)}`, () => assert.equal(parseTraceparent(text), null));
}

test('the ratio sampler decides like OpenTelemetry', () => {
  const contexts = createTraceContexts({ random: seededRandom(), ratio: 0 });
  for (const ratio of [0, 0.01, 0.1, 0.5, 0.99, 1, -1, 2, Number.NaN]) {
    const ours = createRatioSampler(ratio);
    const theirs = new TraceIdRatioBasedSampler(ratio);
    for (let i = 0; i < 500; i += 1) {
      const id = contexts.forBackend(contexts.create(null)).traceId ?? '';
      const { decision } = theirs.shouldSample(ROOT_CONTEXT, id);
      assert.equal(ours(id), decision === SamplingDecision.RECORD_AND_SAMPLED, `${ratio} ${id}`);
    }
  }
});

test('contexts are sampled by the same rule', () => {
  const isSampled = createRatioSampler(0.3);
  const contexts = createTraceContexts({ random: seededRandom(), ratio: 0.3 });
  let sampledCount = 0;
  for (let i = 0; i < 1000; i += 1) {
    const context = contexts.forBackend(contexts.create(null));
    assert.equal(context.sampled, isSampled(context.traceId ?? ''));
    if (!context.sampled) continue;
    sampledCount += 1;
    const parsed = parseTraceparent(context.traceparent ?? '');
    assert.deepEqual(parsed, { traceId: context.traceId, spanId: context.spanId, sampled: true });
  }
  assert.ok(sampledCount > 250 && sampledCount < 350, `${sampledCount}`);
});

test('a request without a header starts a trace with valid, different ids', () => {
  const contexts = createTraceContexts({ random: seededRandom(), ratio: 0 });
  const seen = new Set<string>();
  for (let i = 0; i < 1000; i += 1) {
    const started = contexts.create(null);
    assert.deepEqual([started.traceId, started.traceparent], [null, null], 'nobody knows it yet');
    const context = contexts.forBackend(started);
    assert.equal(contexts.forBackend(context), context, 'all attempts tell of one trace');
    const parsed = parseTraceparent(context.traceparent ?? '');
    assert.equal(parsed?.traceId, context.traceId);
    assert.equal(parsed?.sampled, false);
    assert.equal(context.sampled, false);
    assert.equal(context.spanId, null);
    seen.add(context.traceId ?? '').add(contexts.newSpanId());
  }
  assert.equal(seen.size, 2000);
});

test('even a random source of zeros makes ids that are not all zero', () => {
  const contexts = createTraceContexts({ random: { next: () => 0 }, ratio: 1 });
  assert.notEqual(parseTraceparent(contexts.create(null).traceparent ?? ''), null);
});

test("the caller's decision holds in both directions", () => {
  const unsampled = `00-${traceId}-${spanId}-00`;
  const always = createTraceContexts({ random: seededRandom(), ratio: 1 });
  const context = always.create(unsampled);
  assert.equal(context.sampled, false);
  assert.equal(context.traceparent, unsampled);
  const never = createTraceContexts({ random: seededRandom(), ratio: 0 });
  const sampled = never.create(`00-${traceId}-${spanId}-01`);
  assert.equal(sampled.sampled, true);
  assert.equal(sampled.traceId, traceId);
  assert.equal(sampled.parentSpanId, spanId);
  assert.match(sampled.spanId ?? '', /^[0-9a-f]{16}$/);
});

test('tracing off: a header passes through untouched and none is made up', () => {
  const off = createTraceContexts({ random: seededRandom(), ratio: null });
  const inbound = `00-${traceId}-${spanId}-01`;
  assert.equal(off.create(inbound).traceparent, inbound);
  assert.equal(off.create(inbound).sampled, false);
  assert.equal(off.create(null).traceparent, null);
  assert.equal(off.create('nonsense').traceparent, null);
  assert.equal(off.forBackend(off.create(null)).traceparent, null);
});
