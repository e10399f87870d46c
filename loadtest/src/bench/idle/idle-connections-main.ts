import {
  ClientConnection,
  readRequestTexts,
  type ClientEvents,
} from '../open-loop/client-connection.ts';
import { exitWithReport } from '../report-line.ts';
import { ALL_ANSWERED, IdleArguments } from './open-idle-connections.ts';

// Opens many connections, gets one answer on each, says so, and holds them idle until it is stopped.

/** Connections that wait for their answer at the same time. */
const OPENING_MAX = 64;
/** Clients: an edge lets one address have half of the connections that it may open. Linux has all of 127.0.0.0/8. */
const ADDRESSES = process.platform === 'linux' ? 8 : 1;

const run = IdleArguments.parse(JSON.parse(process.argv[2] ?? ''));
const requests = await readRequestTexts(run.hostsFile, run.path);
const buffer = Buffer.alloc(65_536);
const idle = new Set<ClientConnection>();
let started = 0;
let failed = 0;

process.once('SIGTERM', () => exitWithReport({ idle: idle.size, failed }));
for (let lane = 0; lane < Math.min(OPENING_MAX, run.connections); lane += 1) openNext();

function openNext(): void {
  if (started === run.connections) return;
  const request = started;
  started += 1;
  const events: ClientEvents = {
    onOpen: (connection) => connection.send(request),
    onAnswer: (connection, status) => {
      if (status >= 400) connection.destroy();
      else {
        idle.add(connection);
        goOn();
      }
    },
    onEnd: (connection) => {
      failed += 1;
      // One that was idle had its turn already.
      if (!idle.delete(connection)) goOn();
    },
  };
  const address = `127.0.0.${1 + (request % ADDRESSES)}`;
  new ClientConnection(run.port, requests, buffer, events, address);
}

function goOn(): void {
  openNext();
  if (idle.size + failed === run.connections) process.stdout.write(`${ALL_ANSWERED}\n`);
}
