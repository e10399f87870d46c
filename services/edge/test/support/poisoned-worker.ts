import { closeSync, openSync } from 'node:fs';
import type { PrimaryMessage } from '../../src/ipc/messages.ts';
import { TenantStore } from '../../src/snapshot/tenant-store.ts';
import { startWorker } from '../../src/worker/worker.ts';

// A worker of the edge that some documents harm, as a bug would that only they touch. A route of the document says how:
// `poison-kill` ends it a moment later without a word, `poison-throw` a moment later with an exception, `poison-compile`
// when it is compiled; `poison-refused` does not compile, and each request of `poison-request` throws.

/** By default long enough for the outcome to reach the primary: the document is in force when the worker ends. */
const MOMENT_MS = Number(process.env['POISON_MOMENT_MS'] ?? 100);

// Its access records would mix with the lines of the edge that the tests read.
closeSync(1);
openSync('/dev/null', 'w');

/** Tenants whose requests throw. */
const throwing = new Set<string>();

// eslint-disable-next-line @typescript-eslint/unbound-method -- called with `this` below
const findByHost = TenantStore.prototype.findByHost;
TenantStore.prototype.findByHost = function (host) {
  const entry = findByHost.call(this, host);
  if (entry !== null && throwing.has(entry.id)) throw new Error('a poisonous request');
  return entry;
};

const die = (): void => void process.kill(process.pid, 'SIGKILL');

process.on('message', (message: PrimaryMessage) => {
  if (message.type !== 'documents') return;
  for (const { header, body } of message.documents) {
    if (body.includes('"poison-request"')) throwing.add(header.id);
    else throwing.delete(header.id);
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
  if (text.includes('"poison-refused"')) throw new Error('a document that does not compile');
  return parse(text, reviver);
};

startWorker();
