import { closeSync, openSync } from 'node:fs';
import { startWorker } from '../../src/worker/worker.ts';

// A worker of the edge with bugs that wait for a signal: SIGALRM throws outside of any request, SIGHUP blocks the event
// loop for good. `crash-at-start` as its node id ends it at once.

// Its access records would mix with the output of the test runner, which started it.
closeSync(1);
openSync('/dev/null', 'w');

process.on('SIGALRM', () => {
  throw new Error('a bug outside of any request');
});
process.on('SIGHUP', () => {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
});
process.on('message', (message: { settings?: { nodeId: string } }) => {
  if (message.settings?.nodeId === 'crash-at-start') process.exit(3);
});
startWorker();
