import type { RolloutReply } from './rollout-reply.ts';
import { formatTable, printable } from './table.ts';
import type { Colors } from './terminal.ts';

const VERDICTS = {
  waiting: 'the guard waits for more requests',
  healthy: 'the guard finds nothing',
  failing: 'the guard takes it back',
} as const satisfies Record<RolloutReply['verdict'], string>;

/** A rollout for people. */
export function formatRollout(rollout: RolloutReply, colors: Colors, nowMs: number): string {
  const { tenantId, startedBy, startedAt, revision } = rollout;
  const head = [
    `Rollout of ${printable(tenantId)}: ${printable(describeState(rollout, nowMs))}`,
    `started by ${printable(startedBy)} at ${startedAt}, revision ${revision}`,
  ];
  if (rollout.state !== 'running' && rollout.state !== 'paused') return head.join('\n');
  const edges = rollout.edges.map(({ edgeId, outcome }) =>
    outcome === 'applied' ? edgeId : `${edgeId} (refuses it)`,
  );
  return [
    ...head,
    `served by ${edges.length === 0 ? 'no edge yet' : printable(edges.join(', '))}; ${VERDICTS[rollout.verdict]}`,
    '',
    formatTable(
      ['REQUESTS', 'ANSWERED', '5XX', '4XX', 'P95'],
      [rowOf('with the candidate', rollout.candidate), rowOf('without it', rollout.baseline)],
      colors.bold,
    ),
  ].join('\n');
}

function describeState(rollout: RolloutReply, nowMs: number): string {
  const { state, ring, rings, promote, reason, finalRevision } = rollout;
  const why = reason === null ? '' : `: ${reason}`;
  switch (state) {
    case 'running':
    case 'paused': {
      const at = rings.findIndex(({ name }) => name === ring);
      const seconds = Math.max(0, Math.round((nowMs - Date.parse(rollout.stepAt)) / 1000));
      const soak = Math.round((rings[at]?.soakMs ?? 0) / 1000);
      const on = promote === 'auto' ? `goes on by itself after ${soak} s` : 'goes on when promoted';
      const how = state === 'paused' ? 'paused' : on;
      return `ring ${ring} (${at + 1} of ${rings.length}) for ${seconds} s, ${how}`;
    }
    case 'finishing':
    case 'completed':
      return `completed, the tenant has it as revision ${finalRevision ?? '-'}`;
    case 'aborted':
      return `aborted in ring ${ring}${why}`;
    case 'rolled_back':
      return `rolled back in ring ${ring}${why}`;
  }
}

function rowOf(what: string, requests: RolloutReply['candidate']): string[] {
  const share = (count: number) =>
    requests.requests === 0 ? '-' : `${((count / requests.requests) * 100).toFixed(1)} %`;
  return [
    what,
    String(requests.requests),
    share(requests.errors),
    share(requests.clientErrors),
    requests.p95Ms === null ? '-' : `${requests.p95Ms.toFixed(1)} ms`,
  ];
}
