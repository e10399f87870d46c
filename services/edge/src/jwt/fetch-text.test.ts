import assert from 'node:assert/strict';
import { createServer, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { suite, test, type TestContext } from 'node:test';
import { refusedJwksHost } from '@headgate/model';
import { compileAddressRanges, type ResolveAll } from '@headgate/runtime';
import { makeCertificate } from '@headgate/testkit';
import { createFetchText } from './fetch-text.ts';

const LOOPBACK = compileAddressRanges(['127.0.0.0/8']);
const NOBODY = compileAddressRanges([]);

/** Names of the tests, and what they are resolved to. */
const NAMES: Readonly<Record<string, readonly string[]>> = {
  'here.test': ['127.0.0.1'],
  'metadata.test': ['169.254.169.254'],
  'both.test': ['169.254.169.254', '127.0.0.1'],
  'private.test': ['10.0.0.1'],
  'mapped.test': ['::ffff:169.254.169.254'],
};

const resolve: ResolveAll = (name, _, done) => {
  const addresses = NAMES[name] ?? [];
  done(
    null,
    addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
  );
};

const fetchWith = (isAllowed: (address: string) => boolean, timeoutMs = 2000) => {
  const fetchText = createFetchText(resolve, (address, isPlain) =>
    refusedJwksHost(address, isPlain, isAllowed),
  );
  return (url: string) => fetchText(url, timeoutMs);
};

/** A server that answers each connection by itself; returns its port, and what it was sent. */
async function listen(
  t: TestContext,
  answer: (socket: Socket) => void,
): Promise<{ readonly port: number; readonly received: string[]; readonly closed: Promise<void> }> {
  const received: string[] = [];
  const { promise: closed, resolve: onClosed } = Promise.withResolvers<void>();
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => onClosed());
    socket.once('data', (chunk) => {
      received.push(chunk.toString());
      answer(socket);
    });
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const address = server.address();
  assert.ok(address !== null && typeof address === 'object');
  return { port: address.port, received, closed };
}

const head = (...lines: readonly string[]): string =>
  ['HTTP/1.1 200 OK', ...lines, '', ''].join('\r\n');

suite('what is fetched', () => {
  test('the text of a 200, whether its length is told or not', async (t) => {
    for (const text of [
      `${head('Content-Length: 11')}{"keys":[]}`,
      `${head('Transfer-Encoding: chunked')}4\r\n{"ke\r\n7\r\nys":[]}\r\n0\r\n\r\n`,
      `${head('Connection: close')}{"keys":[]}`,
    ]) {
      const { port, received } = await listen(t, (socket) => socket.end(text));
      const url = `http://here.test:${port}/a/jwks?b=c`;
      assert.equal(await fetchWith(LOOPBACK)(url), '{"keys":[]}');
      assert.match(received[0] ?? '', /^GET \/a\/jwks\?b=c HTTP\/1\.1\r\n/);
      assert.match(received[0] ?? '', /\r\nAccept-Encoding: identity\r\n/i);
      assert.match(received[0] ?? '', new RegExp(`\\r\\nHost: here\\.test:${port}\\r\\n`));
    }
  });

  const HOSTILE: readonly (readonly [string, string | ((socket: Socket) => void), RegExp])[] = [
    [
      'a redirect',
      head().replace('200 OK', '302 Found\r\nLocation: http://169.254.169.254/'),
      /302/,
    ],
    ['a redirect to itself', head().replace('200 OK', '307 Again\r\nLocation: /'), /status 307/],
    ['an error', head('Content-Length: 0').replace('200', '503'), /status 503/],
    ['compression', `${head('Content-Encoding: gzip', 'Content-Length: 2')}{}`, /content coding/],
    ['too large a length', `${head('Content-Length: 999999999')}{}`, /nothing whole within 300 ms/],
    [
      'more than 256 KiB without an end',
      (socket) => {
        socket.write(head('Connection: close'));
        const pour = (): void => {
          while (!socket.destroyed && socket.write(Buffer.alloc(65_536, ' ')));
        };
        socket.on('drain', pour);
        pour();
      },
      /more than 262144 bytes/,
    ],
    [
      'more than 256 KiB of interim answers',
      (socket) => {
        const pour = (): void => {
          while (
            !socket.destroyed &&
            socket.write('HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(1000))
          );
        };
        socket.on('drain', pour);
        pour();
      },
      /interim answers/,
    ],
    ['a head without an end', (socket) => socket.write('HTTP/1.1 200 OK\r\nX: '), /within 300 ms/],
    ['fields without an end', `HTTP/1.1 200 OK\r\n${'X: y\r\n'.repeat(20_000)}`, /overflow/i],
    ['silence', () => undefined, /nothing whole within 300 ms/],
    ['half of it, and then nothing', `${head('Content-Length: 4')}{}`, /within 300 ms/],
    ['half of it, and the end', (socket) => socket.end(`${head('Content-Length: 4')}{}`), /closed/],
    ['nothing', (socket) => socket.end(), /hang up/],
    ['a reset', (socket) => socket.resetAndDestroy(), /ECONNRESET|hang up/],
    ['no HTTP', 'SSH-2.0-OpenSSH_9.2\r\n', /parse error/i],
  ];
  for (const [title, answer, reason] of HOSTILE) {
    test(`${title} is refused, and the connection ends`, async (t) => {
      const { port, closed } = await listen(
        t,
        typeof answer === 'string' ? (socket) => socket.write(answer) : answer,
      );
      await assert.rejects(fetchWith(LOOPBACK, 300)(`http://here.test:${port}/`), reason);
      await closed;
    });
  }

  test('a server without TLS is none for https', async (t) => {
    const { port } = await listen(t, (socket) => socket.end(head('Content-Length: 0')));
    await assert.rejects(fetchWith(LOOPBACK)(`https://here.test:${port}/`), /SSL|EPROTO/);
  });
});

for (const [title, options] of [
  [
    'TLS 1.2',
    { ciphers: 'DHE-RSA-AES128-GCM-SHA256', dhparam: 'auto', maxVersion: 'TLSv1.2' } as const,
  ],
  ['TLS 1.3', { ecdhCurve: 'ffdhe3072', minVersion: 'TLSv1.3' } as const],
] as const) {
  test(`a server cannot choose finite-field Diffie-Hellman, which takes long, in ${title}`, async (t) => {
    const { pem, privateKey } = makeCertificate({ keyKind: 'rsa2048' });
    const server = createTlsServer({ ...options, cert: pem, key: privateKey });
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    t.after(() => server.close());
    const address = server.address();
    assert.ok(address !== null && typeof address === 'object');
    const url = `https://here.test:${address.port}/`;
    await assert.rejects(fetchWith(LOOPBACK)(url), /handshake failure/);
  });
}

suite('what is connected to', () => {
  const REFUSED = [
    ...['https://127.0.0.1/', 'https://169.254.169.254/', 'https://[::1]/', 'https://0x7f.1/'],
    ...['https://[::ffff:169.254.169.254]/', 'https://2130706433/', 'https://0/'],
    ...['http://10.0.0.1/', 'http://93.184.215.14/'],
  ];
  for (const url of REFUSED) {
    test(`${url} is not`, async () => {
      await assert.rejects(fetchWith(NOBODY)(url), /^Error: the host is an? /);
    });
  }

  for (const [name, scheme] of [
    ['metadata.test', 'https'],
    ['mapped.test', 'https'],
    ['here.test', 'https'],
    ['here.test', 'http'],
    ['private.test', 'http'],
    ['unknown.test', 'https'],
  ] as const) {
    test(`${scheme}://${name} is not: the address counts, not the name`, async () => {
      await assert.rejects(fetchWith(NOBODY)(`${scheme}://${name}/`), { code: 'ADDRESS_REFUSED' });
    });
  }

  test('of several addresses those that are permitted', async (t) => {
    const { port } = await listen(t, (socket) => socket.end(`${head('Content-Length: 2')}{}`));
    assert.equal(await fetchWith(LOOPBACK)(`http://both.test:${port}/`), '{}');
  });
});
