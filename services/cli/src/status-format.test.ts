import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createColors } from 'picocolors';
import type { StatusReply } from './replies.ts';
import { findProblems, formatStatus } from './status-format.ts';

const NOW_MS = 1_800_000_000_000;

const healthy: StatusReply = {
  revision: 12,
  edges: [
    {
      ...{ id: 'edge-1', zone: 'a', address: '10.0.0.1:8080', revision: 12, documents: 5 },
      ...{
        version: '1.2.3',
        ring: 'default',
        synced: true,
        live: true,
        lastSeenMs: NOW_MS,
        rejected: [],
      },
    },
  ],
  healthServices: [{ id: 'health-1', live: true }],
  upstreams: [
    {
      tenantId: 'acme',
      upstreamId: 'web',
      endpoints: [
        { id: '10.0.0.7:80', state: 'healthy', since: NOW_MS - 5000, reason: 'status 200' },
        { id: '10.0.0.8:80', state: 'healthy', since: NOW_MS - 5000, reason: 'status 200' },
      ],
    },
  ],
  store: { kind: 'pglite', ok: true },
  bus: { connected: true },
  outbox: { pending: 0 },
};

test('the status of a healthy cluster', () => {
  assert.deepEqual(findProblems(healthy), []);
  assert.equal(
    formatStatus(healthy, createColors(false), NOW_MS),
    `revision         12
store            pglite, ok
bus              connected
outbox           0 pending
health-services  1 live of 1

EDGE    STATE  SYNCED  REVISION  DOCUMENTS  REJECTED  VERSION  RING     ZONE  ADDRESS
edge-1  live   yes     12        5          0         1.2.3    default  a     10.0.0.1:8080

UPSTREAM  HEALTHY  UNHEALTHY SINCE
acme/web  2/2      -

All is well.`,
  );
});

test('upstreams that the server tells no details of are counted, and wrong if they are not healthy', () => {
  const status = { ...healthy, upstreamCounts: { total: 2001, unhealthy: 0 } };
  assert.deepEqual(findProblems(status), []);
  const text = formatStatus(status, createColors(false), NOW_MS);
  assert.match(
    text,
    /\n\n2000 of 2001 upstreams are not shown, 2000 of them healthy\.\n\nAll is well/,
  );
  const bad = { ...healthy, upstreamCounts: { total: 2001, unhealthy: 7 } };
  assert.deepEqual(findProblems(bad), ['7 more upstreams have endpoints that are not healthy']);
  const all = { ...healthy, upstreamCounts: { total: 1, unhealthy: 0 } };
  assert.doesNotMatch(formatStatus(all, createColors(false), NOW_MS), /not shown/);
});

test('everything that is wrong is named, with the reason', () => {
  const [edge] = healthy.edges;
  const [upstream] = healthy.upstreams;
  assert.ok(edge && upstream);
  const ill: StatusReply = {
    ...healthy,
    edges: [
      {
        ...edge,
        synced: false,
        rejected: [
          { key: 'tenant.acme', revision: 11, reason: 'route web: no upstream "x"\u001b[2J' },
        ],
      },
      {
        ...edge,
        id: 'edge-2',
        version: undefined,
        ring: undefined,
        zone: null,
        address: null,
        live: false,
      },
    ],
    healthServices: [],
    upstreams: [
      {
        ...upstream,
        endpoints: [
          { id: '10.0.0.7:80', state: 'unhealthy', since: NOW_MS - 600_000, reason: 'status 503' },
        ],
      },
    ],
    store: { kind: 'postgres', ok: false },
    bus: { connected: false },
    outbox: { pending: 3 },
  };
  assert.equal(
    formatStatus(ill, createColors(false), NOW_MS).split('\n\n').slice(1).join('\n\n'),
    `EDGE    STATE  SYNCED  REVISION  DOCUMENTS  REJECTED  VERSION  RING     ZONE  ADDRESS
edge-1  live   no      12        5          1         1.2.3    default  a     10.0.0.1:8080
edge-2  gone   yes     12        5          0         -        -        -     -

UPSTREAM  HEALTHY  UNHEALTHY SINCE
acme/web  0/1      10.0.0.7:80 10 min

Wrong:
  the store (postgres) does not answer
  the config-service is not connected to NATS
  3 changes wait to be published
  no health-service is live, so the health of endpoints is not known
  edge edge-1 has not all documents yet
  edge edge-1 refuses tenant.acme revision 11 and keeps the last good one: route web: no upstream "x"\ufffd[2J
  edge edge-2 is not live
  endpoint 10.0.0.7:80 of acme/web is unhealthy: status 503`,
  );
});

test('a shared upstream is called so', () => {
  const endpoints = [{ id: '10.0.0.9:80', state: 'unhealthy', since: NOW_MS, reason: 'refused' }];
  const upstreams = [{ tenantId: null, upstreamId: 'mail', endpoints }] as const;
  const status = { ...healthy, upstreams: [...upstreams] } as unknown as StatusReply;
  assert.deepEqual(findProblems(status), [
    'endpoint 10.0.0.9:80 of mail (shared) is unhealthy: refused',
  ]);
  assert.match(formatStatus(status, createColors(false), NOW_MS), /\nmail \(shared\) +0\/1 /);
});
