import process from 'node:process';
import { DeadlineSweeper, systemClock } from '@headgate/runtime';
import { createWorkerMetrics } from '@headgate/telemetry';
import { HeldClock } from '../src/io/held-clock.ts';
import { ReadBuffers } from '../src/io/read-buffers.ts';
import { ConnectionBudget } from '../src/upstream/connection-budget.ts';
import { ResponseReaders } from '../src/upstream/response-readers.ts';
import { createRevisionScope } from '../src/snapshot/revision-faults.ts';
import { TenantStore } from '../src/snapshot/tenant-store.ts';
import { UpstreamRegistry } from '../src/upstream/upstream-registry.ts';
import { planDocument, tenantDocument } from '../test/support/edge-process.ts';
import { noIssuerKeys } from '../test/support/no-issuer-keys.ts';

// Identify the tenant and match its route: 10 against 10,000 tenants, each looked up in turn with a host text of its
// own, as a parser makes it. Variants are interleaved; the median of all rounds counts.
//
//     node services/edge/bench/tenant-lookup.bench.ts

const SIZES = [10, 10_000];
const ROUNDS = 21;
const LOOKUPS = 200_000;
/** Tenants that are busy at the same time; the rest only lies in the tables. */
const BUSY = 10;

/** Of equal length in all variants: hashing a longer text takes longer. */
const nameOf = (index: number) => `tenant-${String(index).padStart(5, '0')}`;

function createStore(tenants: number): TenantStore {
  const clock = new HeldClock(systemClock);
  const sweeper = new DeadlineSweeper({ now: () => clock.monotonicMs(), onError: () => undefined });
  const deps = {
    buffers: new ReadBuffers(),
    sweeper,
    clock,
    readers: new ResponseReaders(),
    budget: new ConnectionBudget(Infinity),
  };
  const store = new TenantStore({
    contexts: null,
    upstreams: new UpstreamRegistry({ ...deps, random: { next: () => 0.5 } }),
    issuerKeys: noIssuerKeys(),
    metrics: createWorkerMetrics(),
    tenantHeader: 'x-tenant-id',
    ring: 'default',
    scope: createRevisionScope(),
    onOutcome: () => undefined,
    onConflict: () => undefined,
  });
  store.apply(planDocument(), true);
  for (let index = 0; index < tenants; index += 1) {
    const endpoints = [{ host: '127.0.0.1', port: 9 }];
    const document = tenantDocument({
      id: nameOf(index),
      hosts: [`${nameOf(index)}.example.com`],
      upstreams: { main: { endpoints } },
      routes: { api: { upstreamId: 'main', match: { path: { prefix: '/api' } } } },
    });
    store.apply(document, false);
  }
  return store;
}

/** Nanoseconds per look-up. */
function measure(store: TenantStore, heads: readonly string[]): number {
  let found = 0;
  const start = process.hrtime.bigint();
  for (let index = 0; index < LOOKUPS; index += 1) {
    const head = heads[index % heads.length] ?? '';
    const host = head.slice(6, -2); // a fresh text, as cut from a request head
    const tenant = store.findByHost(host)?.snapshot() ?? null;
    if (tenant !== null && tenant.routes.match(host, '/api/orders', 'GET') !== null) found += 1;
  }
  const took = Number(process.hrtime.bigint() - start);
  if (found !== LOOKUPS) throw new Error(`found ${found} of ${LOOKUPS}`);
  return took / LOOKUPS;
}

const variants = SIZES.map((size) => {
  const step = Math.floor(size / BUSY);
  const heads = Array.from({ length: BUSY }, (_, i) => `Host: ${nameOf(i * step)}.example.com\r\n`);
  return { size, store: createStore(size), heads, results: [] as number[] };
});
for (let round = 0; round < ROUNDS; round += 1) {
  for (const { store, heads, results } of variants) results.push(measure(store, heads));
}
const medians = variants.map(({ size, results }) => {
  const median = results.sort((a, b) => a - b)[results.length >> 1] ?? 0;
  console.log(`${size} tenants: ${median.toFixed(1)} ns per look-up (median of ${ROUNDS} rounds)`);
  return median;
});
console.log(`ratio: ${((medians[1] ?? 0) / (medians[0] ?? 1)).toFixed(3)}`);
