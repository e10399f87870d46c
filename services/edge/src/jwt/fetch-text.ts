import http, { type IncomingMessage } from 'node:http';
import https from 'node:https';
import { isIP } from 'node:net';
import { hostOfUrl } from '@headgate/model';
import { createGuardedLookup, type ResolveAll } from '@headgate/runtime';

/** Largest answer. Sets of keys have a few KiB. */
const BYTES_MAX = 262_144;

/**
 * Key exchanges that take a client some 1 ms whatever the server chooses: with Diffie-Hellman over its own 10,000-bit numbers the worker
 * would stand still for 0.7 s.
 */
const KEY_EXCHANGE = {
  ciphers:
    'TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256:ECDHE+AESGCM:ECDHE+CHACHA20',
  ecdhCurve: 'X25519:P-256:P-384',
} as const;

/**
 * Creates a GET for what strangers publish: one connection to an address that was looked at, no redirect, no compression, nothing but status
 * 200, and bounds of size and time.
 *
 * @param resolve `lookup` of `node:dns`, or a cache of it.
 * @param refusedHost what is wrong with an address to connect to, by TLS or in plain text; null if nothing is.
 */
export function createFetchText(
  resolve: ResolveAll,
  refusedHost: (address: string, isPlain: boolean) => string | null,
): (url: string, timeoutMs: number) => Promise<string> {
  const lookups = [false, true].map((isPlain) =>
    createGuardedLookup(resolve, (address) => refusedHost(address, isPlain) !== null),
  );
  return (url, timeoutMs) => {
    const isPlain = url.startsWith('http:');
    const host = hostOfUrl(url);
    // Addresses in place of names are not looked up.
    const refused = isIP(host) === 0 ? null : refusedHost(host, isPlain);
    if (refused !== null) return Promise.reject(new Error(`the host is ${refused}`));
    const options: https.RequestOptions = {
      ...KEY_EXCHANGE,
      agent: false, // a connection of its own: another one may lead elsewhere by now
      lookup: lookups[isPlain ? 1 : 0],
      headers: { accept: 'application/json', 'accept-encoding': 'identity' },
    };
    return get((isPlain ? http : https).get, url, options, timeoutMs);
  };
}

function get(
  send: typeof https.get,
  url: string,
  options: https.RequestOptions,
  timeoutMs: number,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = send(url, options, (response) => {
      const { statusCode = 0, headers } = response;
      if (statusCode !== 200) return fail(`status ${statusCode}`);
      if (headers['content-encoding'] !== undefined) return fail('a content coding');
      readText(response, () => fail(`more than ${BYTES_MAX} bytes`), done);
    });
    const timer = setTimeout(() => fail(`nothing whole within ${timeoutMs} ms`), timeoutMs);
    timer.unref();
    const done = (text: string): void => {
      clearTimeout(timer);
      resolve(text);
    };
    const fail = (what: string): void => {
      request.destroy(new Error(`the server answers with ${what}`));
    };
    request.on('information', () => {
      if ((request.socket?.bytesRead ?? 0) > BYTES_MAX) fail('interim answers');
    });
    // After an error of the response, the request has none.
    request.on('error', reject);
    request.on('close', () => {
      clearTimeout(timer);
      reject(new Error('the connection was closed'));
    });
  });
}

function readText(
  response: IncomingMessage,
  onTooLarge: () => void,
  onEnd: (text: string) => void,
): void {
  const chunks: Buffer[] = [];
  let bytes = 0;
  response.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > BYTES_MAX) onTooLarge();
    else chunks.push(chunk);
  });
  response.on('error', () => undefined); // the request closes, too
  response.on('end', () => {
    if (response.complete) onEnd(Buffer.concat(chunks).toString('utf8'));
  });
}
