import { flatText } from '@headgate/runtime';
import type { ServerIdentity } from './server-names.ts';
import type { SecuredSocket } from './tls-handshake.ts';

/** What requests need to know of the TLS below them; the same for all of a connection. */
export interface ConnectionTls extends ServerIdentity {
  /** For access records, see `AccessRecord.tlsText`. */
  readonly recordText: string;
}

/** Of a handshake that is done. */
export function connectionTls({
  identity,
  version,
  cipher,
}: Pick<SecuredSocket, 'identity' | 'version' | 'cipher'>): ConnectionTls {
  const recordText = `","tlsVersion":"${version}","tlsCipher":"${cipher}","sni":"${identity.sni}`;
  return { ...identity, recordText: flatText(recordText) };
}
