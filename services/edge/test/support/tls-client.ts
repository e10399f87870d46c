import { connect as connectTcp } from 'node:net';
import { once } from 'node:events';
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls';
import type { TestCertificate } from '@headgate/testkit';
import { rawClientOf, type RawClient } from './raw-client.ts';

/** A client over TLS that sends and receives bytes as they are. */
export interface TlsClient extends RawClient {
  readonly socket: TLSSocket;
}

/** Options of {@link connectTls}. */
export interface TlsClientOptions {
  /** Name that is asked for; '' for none. */
  readonly name: string;
  /** Who signed what the edge shows; without it anything is taken. */
  readonly root?: TestCertificate;
  readonly paused?: boolean;
  /** Sent before the handshake. */
  readonly prefix?: Uint8Array;
  readonly settings?: ConnectionOptions;
}

/** Connects to a port of 127.0.0.1, and makes the handshake. @rejects with the error of the handshake. */
export async function connectTls(port: number, options: TlsClientOptions): Promise<TlsClient> {
  const { name, root, prefix, settings } = options;
  const below = connectTcp({ host: '127.0.0.1', port, noDelay: true, allowHalfOpen: true });
  await once(below, 'connect');
  if (prefix !== undefined) below.write(prefix);
  const socket = connect({
    socket: below,
    ...(name === '' ? {} : { servername: name }),
    ...(root === undefined ? { rejectUnauthorized: false } : { ca: root.pem }),
    ...settings,
  });
  await new Promise<void>((resolve, reject) => {
    socket.once('secureConnect', resolve).once('error', reject);
    socket.once('close', () => reject(new Error('closed in the handshake')));
  });
  const client = rawClientOf(socket, { paused: options.paused === true });
  return { ...client, socket };
}

/** How a handshake fails: the code of the error, or of the alert. */
export async function handshakeFault(port: number, options: TlsClientOptions): Promise<string> {
  try {
    (await connectTls(port, options)).close();
    return 'none';
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return code ?? message;
  }
}
