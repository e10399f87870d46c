import type { StatusReply } from './replies.ts';
import { formatTable, printable } from './table.ts';
import type { Colors } from './terminal.ts';

/** Everything that an operator should look at, one sentence each; empty if all is well. */
export function findProblems(status: StatusReply): string[] {
  const problems: string[] = [];
  if (!status.store.ok) problems.push(`the store (${status.store.kind}) does not answer`);
  if (!status.bus.connected) problems.push('the config-service is not connected to NATS');
  if (status.outbox.pending > 0) {
    problems.push(`${status.outbox.pending} changes wait to be published`);
  }
  if (!status.edges.some((edge) => edge.live)) problems.push('no edge is live');
  if (!status.healthServices.some((service) => service.live)) {
    problems.push('no health-service is live, so the health of endpoints is not known');
  }
  for (const edge of status.edges) {
    if (!edge.live) problems.push(`edge ${edge.id} is not live`);
    else if (!edge.synced) problems.push(`edge ${edge.id} has not all documents yet`);
    for (const { key, revision, reason } of edge.rejected) {
      problems.push(
        `edge ${edge.id} refuses ${key} revision ${revision} and keeps the last good one: ${reason}`,
      );
    }
  }
  for (const { tenantId, upstreamId, endpoints } of status.upstreams) {
    for (const endpoint of endpoints) {
      if (endpoint.state === 'healthy') continue;
      problems.push(
        `endpoint ${endpoint.id} of ${nameOf(tenantId, upstreamId)} is ${endpoint.state}: ${endpoint.reason}`,
      );
    }
  }
  const untold = countUntold(status);
  if (untold.unhealthy > 0) {
    problems.push(`${untold.unhealthy} more upstreams have endpoints that are not healthy`);
  }
  return problems.map(printable);
}

/** Upstreams that a reply has no room for. */
function countUntold({ upstreams, upstreamCounts }: StatusReply) {
  if (upstreamCounts === undefined) return { total: 0, unhealthy: 0 };
  const told = upstreams.filter(({ endpoints }) =>
    endpoints.some(({ state }) => state !== 'healthy'),
  );
  return {
    total: upstreamCounts.total - upstreams.length,
    unhealthy: upstreamCounts.unhealthy - told.length,
  };
}

/**
 * The status as text: summary, edges, upstreams, and what is wrong.
 *
 * @param nowMs wall-clock time, to tell since when an endpoint is in its state.
 */
export function formatStatus(status: StatusReply, colors: Colors, nowMs: number): string {
  const sections = [formatSummary(status), formatEdges(status, colors)];
  if (status.upstreams.length > 0) sections.push(formatUpstreams(status, colors, nowMs));
  const untold = countUntold(status);
  if (untold.total > 0) {
    sections.push(
      `${untold.total} of ${untold.total + status.upstreams.length} upstreams are not shown, ${untold.total - untold.unhealthy} of them healthy.`,
    );
  }
  const problems = findProblems(status);
  sections.push(
    problems.length === 0
      ? colors.green('All is well.')
      : [colors.red('Wrong:'), ...problems.map((problem) => `  ${problem}`)].join('\n'),
  );
  return sections.join('\n\n');
}

function formatSummary({ revision, store, bus, outbox, healthServices }: StatusReply): string {
  const live = healthServices.filter((service) => service.live).length;
  return [
    `revision         ${revision}`,
    `store            ${printable(store.kind)}, ${store.ok ? 'ok' : 'failing'}`,
    `bus              ${bus.connected ? 'connected' : 'not connected'}`,
    `outbox           ${outbox.pending} pending`,
    `health-services  ${live} live of ${healthServices.length}`,
  ].join('\n');
}

function formatEdges({ edges }: StatusReply, colors: Colors): string {
  if (edges.length === 0) return 'There are no edges.';
  const rows = edges.map((edge) => [
    printable(edge.id),
    edge.live ? 'live' : 'gone',
    edge.synced ? 'yes' : 'no',
    String(edge.revision),
    String(edge.documents ?? '-'),
    String(edge.rejected.length),
    printable(edge.version ?? '-'),
    printable(edge.ring ?? '-'),
    printable(edge.zone ?? '-'),
    printable(edge.address ?? '-'),
  ]);
  const header = [
    ...['EDGE', 'STATE', 'SYNCED', 'REVISION', 'DOCUMENTS', 'REJECTED'],
    ...['VERSION', 'RING', 'ZONE', 'ADDRESS'],
  ];
  return formatTable(header, rows, colors.bold);
}

function formatUpstreams({ upstreams }: StatusReply, colors: Colors, nowMs: number): string {
  const rows = upstreams.map(({ tenantId, upstreamId, endpoints }) => {
    const bad = endpoints.filter((endpoint) => endpoint.state !== 'healthy');
    const shown = bad
      .slice(0, 3)
      .map((endpoint) => `${endpoint.id} ${age(nowMs - endpoint.since)}`);
    if (bad.length > 3) shown.push(`+${bad.length - 3}`);
    return [
      nameOf(tenantId, upstreamId),
      `${endpoints.length - bad.length}/${endpoints.length}`,
      shown.length === 0 ? '-' : shown.join(', '),
    ].map(printable);
  });
  return formatTable(['UPSTREAM', 'HEALTHY', 'UNHEALTHY SINCE'], rows, colors.bold);
}

/** `acme/api`, or `mail (shared)`. */
function nameOf(tenantId: string | null, upstreamId: string): string {
  return tenantId === null ? `${upstreamId} (shared)` : `${tenantId}/${upstreamId}`;
}

/** A duration for people, its two largest units cut to one: `42 s`, `7 min`, `3 h`, `12 d`. */
function age(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86_400)} d`;
}
