import assert from 'node:assert/strict';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { test } from 'node:test';
import { waitFor } from '@headgate/testkit';
import { createMetricsRegistry } from './metrics-registry.ts';
import { registerProcessMetrics } from './process-metrics.ts';

test('each scrape shows what the sources say at that moment', async () => {
  const registry = createMetricsRegistry('health-service');
  const bus = { connected: false };
  let spans = 0;
  let lines = 2;
  registerProcessMetrics(registry, {
    bus,
    tracing: { droppedSpans: () => spans },
    output: { droppedLines: () => lines },
  });
  const read = async (name: string): Promise<number> => {
    const text = await registry.render();
    return Number(new RegExp(`^${name}\\{[^}]*\\} (.+)$`, 'm').exec(text)?.[1]);
  };
  assert.equal(await read('headgate_bus_connected'), 0);
  assert.equal(await read('headgate_spans_dropped_total'), 0);
  assert.equal(await read('headgate_log_lines_dropped_total'), 2);
  bus.connected = true;
  [spans, lines] = [5, 9];
  assert.equal(await read('headgate_bus_connected'), 1);
  assert.equal(await read('headgate_spans_dropped_total'), 5);
  assert.equal(await read('headgate_log_lines_dropped_total'), 9);
  assert.equal(await read('headgate_log_lines_dropped_total'), 9);
});

test('the event loop delay is the longest since the last scrape', async (t) => {
  const registry = createMetricsRegistry('health-service');
  registerProcessMetrics(registry, {
    bus: { connected: true },
    tracing: { droppedSpans: () => 0 },
    output: { droppedLines: () => 0 },
  });
  const read = async (): Promise<number> =>
    Number(/^headgate_event_loop_delay_seconds\{[^}]*\} (.+)$/m.exec(await registry.render())?.[1]);
  // Ticks right after the service's own, which was made before.
  const watch = monitorEventLoopDelay();
  watch.enable();
  t.after(() => watch.disable());
  await waitFor(() => watch.count >= 2, { message: 'the first ticks' });
  const blockedUntilMs = performance.now() + 200;
  while (performance.now() < blockedUntilMs);
  await waitFor(() => watch.max > 100e6, { message: 'the delay to be seen' });
  assert.ok((await read()) > 0.1);
  assert.equal(await read(), 0);
});
