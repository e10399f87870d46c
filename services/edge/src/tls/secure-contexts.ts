import { constants } from 'node:crypto';
import { createSecureContext, type SecureContext } from 'node:tls';
import { BoundedMap, type SecretsKeys } from '@headgate/runtime';
import type { TenantCertificate } from '../snapshot/tenant-certificates.ts';

/** TLS 1.3, then the suites of TLS 1.2 with forward secrecy and authenticated encryption (Mozilla's "intermediate", without DHE). */
const CIPHERS = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
].join(':');

/**
 * No session is resumed: OpenSSL encrypts tickets with keys of the listener, not of the certificate, so one made for a tenant
 * would be taken for another. A handshake in full costs 0.8 ms of CPU, once per connection.
 */
const OPTIONS = constants.SSL_OP_NO_TICKET | constants.SSL_OP_NO_RENEGOTIATION;

/** A certificate and its key, in PEM. */
export interface KeyedCertificate {
  readonly chain: string;
  readonly privateKey: string;
}

/** Makes what OpenSSL serves a certificate with; null: none, so that handshakes without a better one fail. @throws if they do not fit. */
export function makeSecureContext(certificate: KeyedCertificate | null): SecureContext {
  return createSecureContext({
    ...(certificate === null ? {} : { cert: certificate.chain, key: certificate.privateKey }),
    ca: [], // no client certificates are asked for; else Node would parse all it knows
    minVersion: 'TLSv1.2',
    ciphers: CIPHERS,
    honorCipherOrder: true,
    secureOptions: OPTIONS,
  });
}

/** What secure contexts are made with. */
export interface SecureContextsDeps {
  /** Null: no key of a tenant can be opened. */
  readonly secrets: SecretsKeys | null;
  /** Told once for each certificate that cannot be used. */
  readonly onUnusable: (certificate: TenantCertificate, reason: string) => void;
}

/** A certificate that was opened. */
interface Opened {
  readonly certificate: TenantCertificate;
  /** Null: it cannot be used. */
  readonly context: SecureContext | null;
}

/**
 * What OpenSSL needs of the certificates in use, made at the first handshake that needs it and kept while it is among the newest in use.
 * Keys are in the clear in here alone.
 */
export class SecureContexts {
  readonly #deps: SecureContextsDeps;
  readonly #opened: BoundedMap<string, Opened>;

  /** @param max contexts that are kept, some 40 KB each. */
  constructor(deps: SecureContextsDeps, max: number) {
    this.#deps = deps;
    this.#opened = new BoundedMap(max);
  }

  /** How many are kept. */
  get size(): number {
    return this.#opened.size;
  }

  /** The context of a certificate; null if it cannot be used. */
  get(certificate: TenantCertificate): SecureContext | null {
    const key = keyOf(certificate);
    const known = this.#opened.get(key);
    const opened =
      known !== undefined && isSame(known.certificate, certificate)
        ? known
        : { certificate, context: this.#open(certificate) };
    this.#opened.set(key, opened); // the newest from now on
    return opened.context;
  }

  /** Why a certificate cannot be opened here, as far as that shows without opening it; null if nothing does. */
  whyClosed({
    id,
    sealedPrivateKey,
  }: Pick<TenantCertificate, 'id' | 'sealedPrivateKey'>): string | null {
    const { secrets } = this.#deps;
    const reason =
      secrets === null ? 'needs HEADGATE_SECRETS_KEY' : secrets.whyClosed(sealedPrivateKey);
    return reason === null ? null : `certificate ${id} ${reason}`;
  }

  /** Forgets those of `before` that are not among `after`: the tenant has others now. */
  replace(before: readonly TenantCertificate[], after: readonly TenantCertificate[]): void {
    for (const certificate of before) {
      if (!after.some((one) => isSame(one, certificate))) this.#opened.delete(keyOf(certificate));
    }
  }

  #open(certificate: TenantCertificate): SecureContext | null {
    const { tenantId, id, chain, sealedPrivateKey } = certificate;
    const { secrets } = this.#deps;
    const opened = secrets?.open(sealedPrivateKey, { kind: 'certificate', tenantId, id });
    let reason = this.whyClosed(certificate) ?? 'unknown';
    if (opened?.ok === true) {
      try {
        return makeSecureContext({ chain, privateKey: opened.text });
      } catch (error) {
        // OpenSSL's texts name no part of a key.
        reason = `certificate ${id} cannot be used: ${error instanceof Error ? error.message : 'unknown'}`;
      }
    } else if (opened !== undefined) {
      ({ reason } = opened);
    }
    this.#deps.onUnusable(certificate, reason);
    return null;
  }
}

/** Ids hold no slash. */
function keyOf({ tenantId, id }: TenantCertificate): string {
  return `${tenantId}/${id}`;
}

function isSame(a: TenantCertificate, b: TenantCertificate): boolean {
  return (
    a === b ||
    (keyOf(a) === keyOf(b) && a.sealedPrivateKey === b.sealedPrivateKey && a.chain === b.chain)
  );
}
