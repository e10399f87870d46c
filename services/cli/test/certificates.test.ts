import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { get as httpsGet } from 'node:https';
import { after, before, test } from 'node:test';
import type { TLSSocket } from 'node:tls';
import {
  createHttpOrigin,
  inHours,
  makeCertificate,
  waitFor,
  type HttpOrigin,
} from '@headgate/testkit';
import { CLUSTER_TOKEN as TOKEN, startCliCluster, type CliCluster } from './cli-cluster.ts';
import { run } from './cli-harness.ts';

// A real cluster: the tests follow one another, as an operator's commands do.

const root = makeCertificate({ name: 'root', isAuthority: true });
const dnsNames = ['one.test'];
const first = makeCertificate({ name: 'first', dnsNames, issuer: root });

let cluster: CliCluster;
let origin: HttpOrigin;
/** All that commands have printed. */
let printed = '';

before(async () => {
  cluster = await startCliCluster({ edge: true });
  origin = await createHttpOrigin((_request, response) => void response.end('hello'));
});
after(async () => {
  await cluster.stop();
  await origin.close();
});

async function headgate(...args: string[]) {
  const done = await run([...args, '--url', cluster.url], { env: { HEADGATE_ADMIN_TOKEN: TOKEN } });
  printed += done.stdout + done.stderr;
  return done;
}

async function file(name: string, text: string): Promise<string> {
  const path = join(cluster.folder, name);
  await writeFile(path, text);
  return path;
}

/** What a client that trusts the root gets: the subject of the certificate and the answer, or the error. */
function ask(): Promise<string> {
  return new Promise((resolve) => {
    const options = { host: '127.0.0.1', port: cluster.tlsPort, ca: root.pem, agent: false };
    httpsGet({ ...options, servername: 'one.test', headers: { host: 'one.test' } }, (response) => {
      const { socket } = response as unknown as { socket: TLSSocket }; // of https
      const { CN } = socket.getPeerCertificate().subject;
      let text = '';
      response.on('data', (chunk: Buffer) => (text += chunk.toString()));
      response.on('end', () => resolve(`${String(CN)} ${response.statusCode} ${text}`));
    }).on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
  });
}

/** A bundle of one tenant with these certificates. */
function bundle(certificates: object): string {
  const upstreams = { main: { endpoints: [{ host: '127.0.0.1', port: origin.port }] } };
  const tenant = {
    ...{ planId: 'base', identity: { hosts: dnsNames }, upstreams, certificates },
    routes: { all: { upstreamId: 'main' } },
  };
  return JSON.stringify({
    apiVersion: 'headgate/v1',
    plans: { base: {} },
    tenants: { one: tenant },
  });
}

test('a certificate goes from a bundle to the handshake', async () => {
  const { chain, privateKey } = first;
  const path = await file('bundle.json', bundle({ web: { chain, privateKey } }));
  assert.equal((await headgate('validate', '-f', path)).code, 0);
  const applied = await headgate('apply', '-f', path, '--yes', '--wait');
  assert.equal(applied.code, 0, applied.stderr);
  assert.match(applied.stdout, /^ {2}\+ certificate web$/m);
  assert.equal(await ask(), 'first 200 hello');
});

test('what is wrong with a certificate shows without a server, with its place in the file', async () => {
  const expired = makeCertificate({ dnsNames, notBefore: inHours(-2), notAfter: inHours(-1) });
  const { chain } = makeCertificate({ dnsNames: ['other.test'] });
  const path = await file('bad.json', bundle({ old: { chain: expired.chain }, other: { chain } }));
  const { code, stderr } = await headgate('validate', '-f', path);
  assert.equal(code, 1);
  assert.match(stderr, /bad\.json:1:\d+/);
  assert.match(stderr, /tenants\.one\.certificates\.old\.chain[^]*the certificate has expired/);
  assert.match(
    stderr,
    /certificates\.other\.chain[^]*none of its names \(other\.test\) lies within/,
  );
});

test('a certificate is renewed from files, with the same key and with another one', async () => {
  const renewed = makeCertificate({ name: 'renewed', dnsNames, issuer: root, keyOf: first });
  const chain = await file('renewed.pem', renewed.chain);
  const put = ['certificate', 'put', 'one', 'web', '--chain'];
  const done = await headgate(...put, chain);
  assert.match(done.stdout, /^certificate web serves one\.test until 20/);
  await waitFor(async () => (await ask()) === 'renewed 200 hello', { message: 'the renewed one' });
  const third = makeCertificate({ name: 'third', dnsNames, issuer: root });
  const other = await file('third.pem', third.chain);
  const refused = await headgate(...put, other);
  assert.equal(refused.code, 3, refused.stderr);
  assert.match(
    refused.stderr,
    /privateKey[^]*the key that is stored belongs to another certificate/,
  );
  const missing = await headgate(...put, join(cluster.folder, 'none.pem'));
  assert.match(missing.stderr, /cannot read the certificate: ENOENT/);
  const key = await file('third.key', third.privateKey);
  assert.equal((await headgate(...put, other, '--key', key)).code, 0);
  await waitFor(async () => (await ask()) === 'third 200 hello', { message: 'the third one' });
  assert.match(
    (await headgate('get', 'certificates', '-t', 'one')).stdout,
    /^web +one\.test +20\d\d-/m,
  );
});

test('an export has no key, and changes nothing when it is applied; no command has shown one', async () => {
  const exported = await headgate('export', '--all');
  assert.match(exported.stdout, /BEGIN CERTIFICATE/);
  const path = await file('exported.yaml', exported.stdout);
  assert.match((await headgate('plan', '-f', path)).stdout, /^Nothing to change/);
  for (const [command, ...args] of [
    ['history', 'one'],
    ['diff', 'one', '1'],
    ['audit', '--tenant', 'one'],
    ['get', 'certificate', 'web', '-t', 'one', '-o', 'json'],
    ['drift', '-f', path],
  ] as const) {
    await headgate(command, ...args);
  }
  assert.doesNotMatch(
    printed + cluster.configLines().join('\n'),
    /PRIVATE KEY|sealedPrivateKey: ?"?v1/,
  );
  for (const line of first.privateKey.split('\n').slice(1, -2)) assert.ok(!printed.includes(line));
});
