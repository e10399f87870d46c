import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import type { ConnectionOptions } from 'node:tls';
import { after, before, suite, test } from 'node:test';
import {
  createRecordingOrigin,
  inHours,
  makeCertificate,
  temporaryDirectory,
  waitFor,
  type RecordingOrigin,
  type TemporaryDirectory,
} from '@headgate/testkit';
import { metricValue } from './support/edge-metrics.ts';
import {
  planDocument,
  startTestEdge,
  tenantDocument,
  type TestEdge,
} from './support/edge-process.ts';
import { endpointsAt } from './support/one-tenant-edge.ts';
import { connectRaw, requestOnce } from './support/raw-client.ts';
import { connectTls, handshakeFault } from './support/tls-client.ts';

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
const HANDSHAKE_MS = 800;
const CONTEXTS_MAX = 2;

const root = makeCertificate({ name: 'root', isAuthority: true });
const mid = makeCertificate({ name: 'mid', isAuthority: true, issuer: root });
const issue = (...dnsNames: string[]) =>
  makeCertificate({ name: dnsNames[0] ?? '', dnsNames, issuer: mid });
const own = issue('edge.test', '*.edge.test');
const foreignKey = Buffer.alloc(32, 'other').toString('base64url');

let origin: RecordingOrigin;
let edge: TestEdge;
let directory: TemporaryDirectory;

const get = (host: string, path = '/'): string => `GET ${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`;

function documents(port: number) {
  const upstreams = { main: { endpoints: endpointsAt(port) } };
  const routes = { rest: { upstreamId: 'main' } };
  const rest = { upstreams, routes };
  const expired = makeCertificate({
    ...{ dnsNames: ['old.a.test', '*.w.a.test'], issuer: mid },
    ...{ notBefore: inHours(-4), notAfter: inHours(-1) },
  });
  return [
    planDocument(),
    tenantDocument({
      ...{ id: 'a', hosts: ['a.test', '*.a.test', '*.edge.test'], ...rest },
      certificates: {
        exact: issue('a.test', 'b.test'),
        wild: issue('*.a.test', '*.w.a.test'),
        named: issue('x.a.test'),
        expired,
      },
    }),
    tenantDocument({ id: 'b', hosts: ['b.test'], ...rest, certificates: { web: issue('b.test') } }),
    tenantDocument({ id: 'c', hosts: ['c.test'], pathPrefixes: ['/c'], ...rest }),
    tenantDocument({
      ...{ id: 'd', hosts: ['d.test'], ...rest },
      certificates: { web: { ...issue('d.test'), sealedWith: foreignKey } },
    }),
  ];
}

before(async () => {
  origin = await createRecordingOrigin();
  origin.respondWith(() => OK);
  directory = await temporaryDirectory();
  const [certificate, key] = ['own.pem', 'own.key'].map((name) => join(directory.path, name));
  await writeFile(certificate ?? '', own.chain);
  await writeFile(key ?? '', own.privateKey);
  edge = await startTestEdge({
    documents: documents(origin.port),
    tls: true,
    env: {
      HEADGATE_EDGE_TLS_CERTIFICATE_FILE: certificate,
      HEADGATE_EDGE_TLS_KEY_FILE: key,
      HEADGATE_EDGE_TLS_HANDSHAKE_MS: String(HANDSHAKE_MS),
      HEADGATE_EDGE_TLS_CONTEXTS_MAX: String(CONTEXTS_MAX),
      HEADGATE_EDGE_TRUSTED_PROXIES: '127.0.0.2/32',
    },
  });
});
after(async () => {
  await edge.stop();
  await origin.close();
  await directory.remove();
});

/** Subject of the certificate that a name is shown. */
async function shown(name: string): Promise<string> {
  const client = await connectTls(edge.tlsPort, { name });
  const { raw } = client.socket.getPeerCertificate();
  client.close();
  return new X509Certificate(raw).subject.replace('CN=', '');
}

const handshakes = (result: string): Promise<number> =>
  metricValue(edge.admin, `headgate_tls_handshakes_total{result="${result}"}`);

suite('the name of the handshake', () => {
  const names: readonly (readonly [string, string, string])[] = [
    ['a.test', 'a.test', 'its own'],
    ['A.Test', 'a.test', 'in any case'],
    ['x.a.test', 'x.a.test', 'the very name goes before a wildcard'],
    ['y.a.test', '*.a.test', 'a wildcard of the tenant'],
    ['old.a.test', '*.a.test', 'one that is valid goes before one that has expired'],
    ['z.w.a.test', '*.a.test', 'of two with the same name the one that is valid'],
    ['b.test', 'b.test', 'of its own tenant, though another one has a certificate for it'],
    ['c.test', 'edge.test', 'no certificate of the tenant: that of the edge'],
    ['unknown.test', 'edge.test', 'nobody: that of the edge'],
    ['', 'edge.test', 'no name: that of the edge'],
  ];
  for (const [name, subject, why] of names) {
    test(`"${name}" is shown the certificate of ${subject} (${why})`, async () => {
      assert.equal(await shown(name), subject);
    });
  }

  test('a client that checks the whole chain takes it, and is served', async () => {
    const client = await connectTls(edge.tlsPort, { name: 'a.test', root });
    client.send(get('a.test', '/checked'));
    const { status } = await client.response();
    assert.deepEqual(
      [status, client.socket.alpnProtocol, client.socket.authorized],
      [200, false, true],
    );
    client.close();
  });

  test('a key that cannot be opened closes TLS of its hosts, and nothing else of the tenant', async () => {
    const failed = await handshakes('unusable');
    for (const round of [1, 2]) {
      assert.match(
        await handshakeFault(edge.tlsPort, { name: 'd.test' }),
        /UNRECOGNIZED_NAME/,
        `${round}`,
      );
    }
    assert.equal(await handshakes('unusable'), failed + 2);
    assert.equal((await requestOnce(edge.port, get('d.test'))).status, 200);
    const told = edge.process
      .stdout()
      .filter((line) => line.includes('a certificate cannot be used'));
    assert.equal(told.length, 1, 'told once');
    assert.match(
      told[0] ?? '',
      /"tenantId":"d".*is sealed with the key .*HEADGATE_SECRETS_KEY here/,
    );
  });

  test('as many contexts are kept as are allowed', async () => {
    for (const name of ['a.test', 'x.a.test', 'y.a.test', 'b.test']) await shown(name);
    assert.equal(await metricValue(edge.admin, 'headgate_tls_contexts'), CONTEXTS_MAX);
    assert.equal(await shown('a.test'), 'a.test');
  });
});

suite('the host of a request', () => {
  const hosts: readonly (readonly [string, string, number])[] = [
    ['a.test', 'a.test', 200],
    ['a.test', 'A.TEST', 200],
    ['y.a.test', 'z.a.test', 200],
    ['a.test', 'y.a.test', 421],
    ['a.test', 'b.test', 421],
    ['a.test', 'c.test', 421],
    ['a.test', 'unknown.test', 421],
    ['c.test', 'c.test', 200],
    ['c.test', 'a.test', 421],
    ['', 'c.test', 421],
    ['', '127.0.0.1', 404],
    ['unknown.test', 'other.test', 404],
  ];
  for (const [name, host, status] of hosts) {
    test(`${host} on a connection for "${name}": ${status}`, async () => {
      const client = await connectTls(edge.tlsPort, { name });
      client.send(get(host));
      assert.equal((await client.response()).status, status);
      // The connection goes on with what it is for.
      if (name !== '' && status === 421) {
        client.send(get(name));
        assert.equal((await client.response(1)).status, 200);
      }
      client.close();
    });
  }

  test('a tenant that is found by its path is served without a name', async () => {
    const client = await connectTls(edge.tlsPort, { name: '' });
    client.send(get('127.0.0.1', '/c/x'));
    assert.equal((await client.response()).status, 200);
    client.close();
  });

  test('no session is resumed, so none of a tenant is taken for another', async () => {
    for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
      const settings = { maxVersion: version, minVersion: version } as const;
      const first = await connectTls(edge.tlsPort, { name: 'a.test', settings });
      const sessions: Buffer[] = [];
      first.socket.on('session', (session: Buffer) => sessions.push(session));
      first.send(get('a.test'));
      await first.response();
      const session = sessions.at(-1) ?? first.socket.getSession();
      first.close();
      for (const name of ['a.test', 'b.test']) {
        const resumed = { ...settings, ...(session === undefined ? {} : { session }) };
        const again = await connectTls(edge.tlsPort, { name, settings: resumed });
        assert.equal(again.socket.isSessionReused(), false, `${version} ${name}`);
        again.close();
      }
    }
  });
});

suite('what requests over TLS are told as', () => {
  test('backends get https, and records version, cipher and name; those of plain ones have none', async () => {
    const client = await connectTls(edge.tlsPort, { name: 'a.test' });
    client.send(get('a.test', '/told'));
    await client.response();
    client.close();
    await requestOnce(edge.port, get('a.test', '/plain'));
    const recordOf = (path: string) =>
      waitFor(() => edge.process.stdout().find((line) => line.includes(`"path":"${path}"`)), {
        message: path,
      });
    const record = JSON.parse(await recordOf('/told')) as Record<string, unknown>;
    const { tlsVersion, tlsCipher, sni, clientIp, method } = record;
    assert.deepEqual(
      { tlsVersion, tlsCipher, sni, clientIp, method },
      {
        ...{ tlsVersion: 'TLSv1.3', tlsCipher: 'TLS_AES_128_GCM_SHA256', sni: 'a.test' },
        ...{ clientIp: '127.0.0.1', method: 'GET' },
      },
    );
    assert.ok(!(await recordOf('/plain')).includes('tls'));
    const proto = (path: string) =>
      /x-forwarded-proto: (\w+)/i.exec(
        origin.requests.find(({ head }) => head.startsWith(`GET ${path} `))?.head ?? '',
      )?.[1];
    assert.deepEqual([proto('/told'), proto('/plain')], ['https', 'http']);
  });
});

suite('handshakes that fail', () => {
  test('garbage, plain HTTP, half a record and old versions are refused, counted, and hurt nobody', async () => {
    const failed = await handshakes('failed');
    const inputs = [
      get('a.test'),
      '\0'.repeat(5000),
      '\x16\x03\x01\xff\xff' + 'x'.repeat(70_000),
      '\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00',
      '\x80\x2e\x01\x03\x01' + 'x'.repeat(41),
      hello(16_000),
      hello(60_000),
      hello(300),
    ];
    for (const input of inputs) {
      const client = await connectRaw(edge.tlsPort);
      client.send(input);
      client.socket.end();
      await client.closed();
      client.close();
    }
    const settings: readonly ConnectionOptions[] = [
      { maxVersion: 'TLSv1.1', minVersion: 'TLSv1', ciphers: 'DEFAULT@SECLEVEL=0' },
      { maxVersion: 'TLSv1.2', ciphers: 'AES128-SHA' },
      { ALPNProtocols: ['h2'] },
    ];
    for (const one of settings) {
      const fault = await handshakeFault(edge.tlsPort, { name: 'a.test', settings: one });
      assert.match(fault, /ALERT|ERR_SSL/);
    }
    await waitFor(async () => (await handshakes('failed')) >= failed + inputs.length, {
      message: 'all to be counted',
      describe: async () => handshakes('failed'),
    });
    assert.equal(await shown('a.test'), 'a.test');
    assert.equal(await metricValue(edge.admin, 'headgate_workers'), 1);
  });

  test('one that stalls is closed after its time, at whatever byte; one that the client ends is no failure', async () => {
    const timeouts = await handshakes('timeout');
    const startMs = performance.now();
    const stalled = await Promise.all(
      ['', '\x16', hello(10).slice(0, 60)].map(async (bytes) => {
        const client = await connectRaw(edge.tlsPort);
        client.send(bytes);
        return client;
      }),
    );
    const dripping = await connectRaw(edge.tlsPort);
    const rest = hello(500);
    let at = 0;
    const drip = setInterval(() => dripping.send(rest[at++] ?? ''), 20);
    await Promise.all([...stalled, dripping].map((client) => client.closed()));
    clearInterval(drip);
    assert.ok(performance.now() - startMs >= HANDSHAKE_MS);
    assert.equal(await handshakes('timeout'), timeouts + 4);
    const closed = await handshakes('closed');
    connect({ port: edge.tlsPort, host: '127.0.0.1' }).end();
    await waitFor(async () => (await handshakes('closed')) === closed + 1, {
      message: 'the close',
    });
    await waitFor(
      async () => (await metricValue(edge.admin, 'headgate_downstream_connections')) === 0,
      {
        message: 'no connection to be left',
      },
    );
    assert.equal(await metricValue(edge.admin, 'headgate_tls_handshakes'), 0);
  });
});

suite('messages over TLS', () => {
  test('keep-alive, pipelining, HEAD and chunks both ways', async () => {
    const bodies: string[] = [];
    origin.respondWith(({ head, body }) => {
      bodies.push(body.toString('latin1'));
      if (head.startsWith('HEAD')) return 'HTTP/1.1 200 OK\r\nContent-Length: 70000\r\n\r\n';
      if (!head.startsWith('POST')) return OK;
      return 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n';
    });
    const client = await connectTls(edge.tlsPort, { name: 'a.test' });
    const chunked =
      'POST /p HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n';
    const head = get('a.test').replace('GET', 'HEAD');
    client.send(get('a.test') + chunked + head + get('a.test'));
    const methods = ['GET', 'POST', 'HEAD', 'GET'];
    const last = await client.response(3, methods);
    assert.equal(last.status, 200);
    const all = client.responses(methods);
    assert.deepEqual(
      all.map(({ body }) => body),
      ['ok', 'abcdefg', '', 'ok'],
    );
    assert.ok(bodies.some((body) => body.includes('hello')));
    client.close();
    origin.respondWith(() => OK);
  });

  test('a client that closes its half still gets its answer, then the connection ends in order', async () => {
    const client = await connectTls(edge.tlsPort, { name: 'a.test' });
    client.socket.end(get('a.test'));
    assert.equal((await client.response()).status, 200);
    assert.equal(await client.closed(), 'ended');
    client.close();
  });
});

suite('the PROXY protocol', () => {
  test('comes before TLS: the address in it is that of the client, and counts', async () => {
    const proxied = await startTestEdge({
      documents: documents(origin.port),
      tls: true,
      env: {
        HEADGATE_EDGE_PROXY_PROTOCOL: 'v2',
        HEADGATE_EDGE_CONNECTIONS_PER_ADDRESS_MAX: '2',
        HEADGATE_EDGE_TLS_HANDSHAKE_MS: String(HANDSHAKE_MS),
      },
    });
    try {
      const prefix = proxyHeader(203, 0, 113, 7);
      const clients = [];
      for (const round of [1, 2]) {
        const client = await connectTls(proxied.tlsPort, { name: 'a.test', prefix });
        client.send(get('a.test', `/proxied${round}`));
        assert.equal((await client.response()).status, 200);
        clients.push(client);
      }
      assert.notEqual(await handshakeFault(proxied.tlsPort, { name: 'a.test', prefix }), 'none');
      const other = { name: 'a.test', prefix: proxyHeader(203, 0, 113, 8) };
      assert.equal(await handshakeFault(proxied.tlsPort, other), 'none');
      const seen = origin.requests.find(({ head }) => head.includes('/proxied1'))?.head ?? '';
      assert.match(seen, /x-forwarded-for: 203\.0\.113\.7\r/i);
      for (const client of clients) client.close();
      await waitFor(
        async () => (await handshakeFault(proxied.tlsPort, { name: 'a.test', prefix })) === 'none',
        { message: 'its places to be free' },
      );
      for (const bytes of [hello(10), 'GET / HTTP/1.1\r\n\r\n']) {
        const client = await connectRaw(proxied.tlsPort);
        client.send(bytes);
        await client.closed();
        client.close();
      }
      // Byte by byte, and then silence.
      const slow = await connectRaw(proxied.tlsPort);
      for (const byte of prefix) slow.send(Uint8Array.of(byte));
      await slow.closed();
      slow.close();
    } finally {
      await proxied.stop();
    }
  });
});

test('an edge without a certificate of its own refuses names without one by an alert, whoever they belong to', async () => {
  const bare = await startTestEdge({ documents: documents(origin.port), tls: true });
  try {
    for (const name of ['c.test', 'unknown.test', 'a_b.test', 'x'.repeat(200)]) {
      const fault = await handshakeFault(bare.tlsPort, { name });
      assert.equal(fault, 'ERR_SSL_TLSV1_UNRECOGNIZED_NAME', name);
    }
    assert.match(await handshakeFault(bare.tlsPort, { name: '' }), /ALERT_HANDSHAKE_FAILURE/);
    const client = await connectTls(bare.tlsPort, { name: 'a.test', root });
    client.close();
  } finally {
    await bare.stop();
  }
});

test('a drain ends TLS connections as others: answers are their last, handshakes are cut', async () => {
  const ending = await startTestEdge({ documents: documents(origin.port), tls: true });
  let release = (): void => undefined;
  origin.respondWith(() => new Promise((resolve) => (release = () => resolve(OK))));
  const seen = origin.requests.length;
  const busy = await connectTls(ending.tlsPort, { name: 'a.test' });
  busy.send(get('a.test'));
  await waitFor(() => origin.requests.length > seen, { message: 'the request' });
  const idle = await connectTls(ending.tlsPort, { name: 'a.test' });
  const silent = await connectRaw(ending.tlsPort);
  ending.process.kill('SIGTERM');
  await idle.closed();
  release();
  const answer = await busy.response();
  assert.deepEqual([answer.status, answer.get('connection')], [200, 'close']);
  await Promise.all([busy.closed(), silent.closed(), ending.process.exited]);
  origin.respondWith(() => OK);
  for (const client of [busy, idle, silent]) client.close();
  await ending.stop();
});

/** A ClientHello for a name of so many characters; what follows is cut or broken where the name is too long. */
function hello(nameLength: number): string {
  const name = 'n'.repeat(nameLength);
  const u16 = (value: number): string => String.fromCharCode((value >> 8) & 255, value & 255);
  const u24 = (value: number): string => String.fromCharCode((value >> 16) & 255) + u16(value);
  const list = `\0${u16(name.length)}${name}`;
  const sni = `\0\0${u16(list.length + 2)}${u16(list.length)}${list}`;
  const body = `\x03\x03${'r'.repeat(32)}\0${u16(2)}\x13\x01\x01\0${u16(sni.length)}${sni}`;
  const message = `\x01${u24(body.length)}${body}`;
  let records = '';
  for (let at = 0; at < message.length; at += 16_384) {
    const part = message.slice(at, at + 16_384);
    records += `\x16\x03\x01${u16(part.length)}${part}`;
  }
  return records;
}

/** A PROXY protocol v2 header for a client over IPv4. */
function proxyHeader(...address: readonly [number, number, number, number]): Uint8Array {
  return Buffer.concat([
    Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1'),
    Buffer.from([0x21, 0x11, 0, 12, ...address, 127, 0, 0, 1, 0x80, 0, 0x01, 0xbb]),
  ]);
}
