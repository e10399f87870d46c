import { createSeededRandom } from '@headgate/testkit';
import { exitWithReport } from '../report-line.ts';
import { createArrivals } from './arrivals.ts';
import { ClientConnection, readRequestTexts } from './client-connection.ts';
import { OpenLoop } from './open-loop.ts';
import { OpenLoopArguments } from './run-open-loop.ts';

// The generator of load at a fixed rate: a process of its own, so that nothing else runs in its event loop. If it `spins`
// it never sleeps, as a timer of Node has steps of 1 ms, five requests at 5,000 per second; it takes a core of its own then.

/** How long answers may take after the last request. */
const LAST_ANSWERS_MS = 2000;
/** Wait before a server that refuses is asked again. */
const RECONNECT_MS = 10;

const run = OpenLoopArguments.parse(JSON.parse(process.argv[2] ?? ''));
const requests = await readRequestTexts(run.hostsFile, run.path);
const buffer = Buffer.alloc(65_536);
const endMs = (run.settleSeconds + run.measureSeconds) * 1000;

let startMs = 0;
const loop = new OpenLoop(
  {
    nowMs: () => performance.now() - startMs,
    // Equal seeds: all candidates get the same bursts.
    nextArrivalMs: createArrivals(createSeededRandom(run.seed), run.perSecond),
  },
  { settleMs: run.settleSeconds * 1000, endMs },
);
await openConnections();
startMs = performance.now();
turn();

/** Connections are opened before, one after the other: no proxy's queue of new ones overflows. */
async function openConnections(): Promise<void> {
  for (let count = 0; count < run.connections; count += 1) {
    await open(run.ports[count % run.ports.length] ?? 0);
  }
}

/** Resolves when the connection is open, or has failed. */
function open(port: number): Promise<void> {
  return new Promise((resolve) => {
    let wasOpen = false;
    new ClientConnection(port, requests, buffer, {
      onOpen: (connection) => {
        wasOpen = true;
        loop.add(connection);
        resolve();
      },
      onAnswer: (connection, status) => loop.answered(connection, status),
      onEnd: (connection) => {
        if (wasOpen) loop.lost(connection);
        resolve();
        if (run.reconnects) setTimeout(() => void open(port), wasOpen ? 0 : RECONNECT_MS);
      },
    });
  });
}

function turn(): void {
  const isMoreDue = loop.sendDue();
  const isTimeOver = performance.now() - startMs > endMs + LAST_ANSWERS_MS;
  if (!isMoreDue && (loop.inFlight === 0 || isTimeOver)) exitWithReport(loop.report());
  else if (run.spins) setImmediate(turn);
  else setTimeout(turn, 1);
}
