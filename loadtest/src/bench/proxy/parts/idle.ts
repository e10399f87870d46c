import { openFilesMax } from '../../idle/open-files-max.ts';
import { openIdleConnections } from '../../idle/open-idle-connections.ts';
import { treeRssBytes } from '../../process-tree.ts';
import type { Candidate } from '../candidates/candidate.ts';
import { CANDIDATES } from '../candidates/candidates.ts';
import { headgateManyActive } from '../candidates/headgate.ts';
import { interleave } from '../rounds.ts';
import { summarise, type Round } from '../row.ts';
import { IDLE_CONNECTIONS, REQUEST_PATH } from '../settings.ts';
import { enter } from '../shared-candidates.ts';
import type { Part, PartContext } from './part.ts';

/** Files that a process has open beside its clients: connections to endpoints, logs, libraries. */
const OTHER_FILES = 1000;

const MIB = 1024 * 1024;

/** Memory of idle keep-alive connections. Each round has processes of its own, which are warm and then get no load. */
export const idle: Part = {
  name: `idle-${IDLE_CONNECTIONS}`,
  mainFigure: 'kibPerConnection',
  candidates: CANDIDATES.filter((candidate) => candidate !== headgateManyActive),
  quick: ['headgate', 'haproxy'],
  run,
};

async function run(context: PartContext) {
  const connections = Math.min(IDLE_CONNECTIONS, (await openFilesMax()) - OTHER_FILES);
  if (connections < IDLE_CONNECTIONS) {
    context.say(`only ${connections} connections: raise the limit of open files (ulimit -Hn)`);
  }
  const contenders = context.candidates.map((candidate) => ({
    name: candidate.name,
    description: candidate.description,
    measure: () => measureOnce(candidate, connections, context),
  }));
  return summarise(idle, await interleave(contenders, context.schedules.idleRounds, context.say));
}

async function measureOnce(
  candidate: Candidate,
  connections: number,
  { bench, signal }: PartContext,
): Promise<Round | null> {
  const entrant = await enter(bench, candidate, signal);
  if (entrant === null) return null;
  const { running, hostsFile } = entrant;
  const rssBefore = await treeRssBytes(running.pid);
  const { port } = running;
  const open = await openIdleConnections(
    { port, hostsFile, path: REQUEST_PATH, connections },
    signal,
  );
  const rss = await treeRssBytes(running.pid);
  const { idle: stillOpen, failed } = await open.close();
  await bench.fleet.stop(running);
  const addedBytes = rss - rssBefore;
  return {
    requests: connections,
    failedRequests: Math.max(failed, connections - stillOpen),
    kibPerConnection: addedBytes / connections / 1024,
    addedRssMib: addedBytes / MIB,
    rssMib: rss / MIB,
  };
}
