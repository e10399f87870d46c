import { closeSync, openSync } from 'node:fs';
import { documentKey } from '@headgate/model';
import { unpackOutcomes, type PrimaryMessage, type WorkerMessage } from '../../src/ipc/messages.ts';
import { parseDocument } from '../../src/ipc/wire-document.ts';
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

/** From when the worker has compiled it; the primary has been told by then, so that it is in force. */
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

/** What revisions do once they are in force here, by key and revision; a worker that is still starting has them for a while. */
const harms = new Map<string, () => void>();

function doHarm(key: string, revision: number): void {
  const name = `${key}@${revision}`;
  harms.get(name)?.();
  harms.delete(name);
}

process.on('message', (message: PrimaryMessage) => {
  if (message.type !== 'documents') return;
  for (const { key, header, body } of message.documents.map(parseDocument)) {
    const name = `${key}@${header.revision}`;
    if (body.includes('"poison-kill"')) harms.set(name, () => setTimeout(die, MOMENT_MS));
    if (body.includes('"poison-stray"')) harms.set(name, throwLater);
  }
});

// Of those that are compiled now their outcome is on its way.
const send = process.send?.bind(process);
process.send = (message: WorkerMessage) => {
  const isSent = send?.(message) ?? false;
  if (message.type === 'outcomes') {
    for (const { key, revision } of unpackOutcomes(message.outcomes)) doHarm(key, revision);
  }
  return isSent;
};

// Of those that are taken unseen nothing is told.
// eslint-disable-next-line @typescript-eslint/unbound-method -- called with `this` below
const replaceLazily = TenantEntry.prototype.replaceLazily;
TenantEntry.prototype.replaceLazily = function (header, body) {
  replaceLazily.call(this, header, body);
  doHarm(documentKey(header.kind, header.id), header.revision);
};

const parse = JSON.parse;
JSON.parse = (text: string, reviver?: Parameters<typeof parse>[1]): unknown => {
  if (text.includes('"poison-compile"')) die();
  if (text.includes('"poison-refused"')) throw new Error('a document that does not compile');
  if (text.includes('"poison-throw"')) throwLater();
  return parse(text, reviver);
};

startWorker();
