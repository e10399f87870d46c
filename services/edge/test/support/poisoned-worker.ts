import { closeSync, openSync } from 'node:fs';
import type { PrimaryMessage } from '../../src/ipc/messages.ts';
import { TenantEntry } from '../../src/snapshot/tenant-entry.ts';
import { startWorker } from '../../src/worker/worker.ts';

// A worker of the edge that some documents harm, as a bug would that only they touch. A route of the document says how:
//
//     poison-refused   it does not compile
//     poison-compile   ends the worker that compiles it
//     poison-request   each request throws
//     poison-throw     throws in a timer that its compilation begins
//     poison-stray     throws in a timer that nobody's work begins
//     poison-kill      ends the worker a moment later without a word

/** By default long enough for the outcome to reach the primary: the document is in force when the worker ends. */
const MOMENT_MS = Number(process.env['POISON_MOMENT_MS'] ?? 100);

// Its access records would mix with the lines of the edge that the tests read.
closeSync(1);
openSync('/dev/null', 'w');

// eslint-disable-next-line @typescript-eslint/unbound-method -- called with `this` below
const snapshot = TenantEntry.prototype.snapshot;
TenantEntry.prototype.snapshot = function () {
  const compiled = snapshot.call(this);
  if (compiled !== null && this.body.includes('"poison-request"')) {
    compiled.routes.match = () => {
      throw new Error('a poisonous request');
    };
  }
  return compiled;
};

const die = (): void => void process.kill(process.pid, 'SIGKILL');

const throwLater = (): void => {
  setTimeout(() => {
    throw new Error('a poisonous document');
  }, MOMENT_MS);
};

process.on('message', (message: PrimaryMessage) => {
  if (message.type !== 'documents') return;
  for (const { body } of message.documents) {
    if (body.includes('"poison-kill"')) setTimeout(die, MOMENT_MS);
    if (body.includes('"poison-stray"')) throwLater();
  }
});

const parse = JSON.parse;
JSON.parse = (text: string, reviver?: Parameters<typeof parse>[1]): unknown => {
  if (text.includes('"poison-compile"')) die();
  if (text.includes('"poison-refused"')) throw new Error('a document that does not compile');
  if (text.includes('"poison-throw"')) throwLater();
  return parse(text, reviver);
};

startWorker();
