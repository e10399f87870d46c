import { closeSync, openSync } from 'node:fs';
import type { PrimaryMessage } from '../../src/ipc/messages.ts';
import { startWorker } from '../../src/worker/worker.ts';

// A worker of the edge that some documents end, as a bug would that only they touch. A route of the document says how:
// `poison-kill` a moment later without a word, `poison-throw` a moment later with an exception, `poison-compile` when it
// is compiled.

/** Long enough for the outcome to reach the primary: the document is in force when the worker ends. */
const MOMENT_MS = 100;

// Its access records would mix with the lines of the edge that the tests read.
closeSync(1);
openSync('/dev/null', 'w');

const die = (): void => void process.kill(process.pid, 'SIGKILL');

process.on('message', (message: PrimaryMessage) => {
  if (message.type !== 'documents') return;
  for (const { body } of message.documents) {
    if (body.includes('"poison-kill"')) setTimeout(die, MOMENT_MS);
    if (body.includes('"poison-throw"')) {
      setTimeout(() => {
        throw new Error('a poisonous document');
      }, MOMENT_MS);
    }
  }
});

const parse = JSON.parse;
JSON.parse = (text: string, reviver?: Parameters<typeof parse>[1]): unknown => {
  if (text.includes('"poison-compile"')) die();
  return parse(text, reviver);
};

startWorker();
