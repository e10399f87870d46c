import { raiseOpenFiles } from '../../idle/open-files-max.ts';
import { openIdleConnections } from '../../idle/open-idle-connections.ts';
import { treeRssBytes } from '../../process-tree.ts';
import type { Candidate } from '../../side-by-side/candidate.ts';
import { USUAL_CANDIDATES } from '../candidates/candidates.ts';
import { interleave } from '../../side-by-side/rounds.ts';
import { summarise, type Round } from '../../side-by-side/row.ts';
import { REQUEST_PATH } from '../../side-by-side/settings.ts';
import { IDLE_CONNECTIONS } from '../settings.ts';
import { enter, type Entrant } from '../../side-by-side/shared-candidates.ts';
import { PROXY_BASELINES, type ProxyContext, type ProxyPart } from './proxy-part.ts';

/** Open files that a proxy needs: an edge keeps one free for each client's request, and some for itself. */
const FILES_PER_CONNECTION = 2;
const OTHER_FILES = 200;

const MIB = 1024 * 1024;

/** Memory of idle keep-alive connections. Each round has processes of its own, which are warm and then get no load. */
export const idle: ProxyPart = {
  name: `idle-${IDLE_CONNECTIONS}`,
  mainFigure: 'kibPerConnection',
  baselines: PROXY_BASELINES,
  candidates: USUAL_CANDIDATES,
  quick: ['headgate', 'haproxy'],
  quickIfNamed: true,
  run,
};

async function run(context: ProxyContext) {
  const files = await raiseOpenFiles(IDLE_CONNECTIONS * FILES_PER_CONNECTION + OTHER_FILES);
  const possible = Math.floor((files - OTHER_FILES) / FILES_PER_CONNECTION);
  const connections = Math.min(IDLE_CONNECTIONS, possible);
  if (connections < IDLE_CONNECTIONS) {
    context.bench.fleet.leaveOut({
      name: `${IDLE_CONNECTIONS - connections} of ${IDLE_CONNECTIONS} connections in ${idle.name}`,
      reason: `only ${files} open files are allowed here (ulimit -Hn)`,
    });
  }
  const contenders = context.candidates.map((candidate) => ({
    name: candidate.name,
    description: candidate.description,
    measure: () => measureOnce(candidate, connections, context),
  }));
  return summarise(idle, await interleave(contenders, context.schedules.idleRounds, context));
}

async function measureOnce(
  candidate: Candidate,
  connections: number,
  { bench, signal }: ProxyContext,
): Promise<Round | null> {
  const entrant = await enter(bench, candidate, signal);
  if (entrant === null) return null;
  try {
    return await measureMemory(entrant, connections, signal);
  } finally {
    await bench.fleet.stop(entrant.running);
  }
}

async function measureMemory(
  { running, hostsFile }: Entrant,
  connections: number,
  signal: AbortSignal,
): Promise<Round> {
  const rssBefore = await treeRssBytes(running.pid);
  const { port } = running;
  const open = await openIdleConnections(
    { port, hostsFile, path: REQUEST_PATH, connections },
    signal,
  );
  const rss = await treeRssBytes(running.pid);
  const { idle: stillOpen, failed } = await open.close();
  const addedBytes = rss - rssBefore;
  return {
    requests: connections,
    failedRequests: Math.max(failed, connections - stillOpen),
    kibPerConnection: addedBytes / connections / 1024,
    mibPer10000Connections: (addedBytes / connections / MIB) * 10_000,
    rssMib: rss / MIB,
  };
}
