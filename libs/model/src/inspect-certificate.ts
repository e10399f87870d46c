import { createPrivateKey, hash, X509Certificate, type KeyObject } from 'node:crypto';
import { isServableName, type CertificateFacts, type CertificateSpec } from './certificate.ts';
import type { Fault } from './faults.ts';

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g;
const CHAIN_LENGTH_MAX = 10;
const RSA_BITS_MIN = 2048;
/** A signature takes 0.5 ms with 2048 bits, 4 ms with 4096 and 40 ms with 8192, in which a worker serves nobody. */
const RSA_BITS_MAX = 4096;
/** A larger one makes each signature slower, and no tool makes one. */
const RSA_EXPONENT_MAX = 2n ** 32n;
const CURVES: readonly (string | undefined)[] = ['prime256v1', 'secp384r1', 'secp521r1'];

/** A certificate that was read, in one form: equal ones are equal texts. */
export interface ReadCertificate {
  readonly facts: CertificateFacts;
  /** PEM of the certificates, and nothing else. */
  readonly chain: string;
  /** PEM (PKCS #8); null if none was given. */
  readonly privateKey: string | null;
}

/** The outcome of {@link inspectCertificate}; paths are those inside of the certificate, and no value is shown. */
export type InspectedCertificate =
  | { readonly ok: true; readonly certificate: ReadCertificate }
  | { readonly ok: false; readonly faults: readonly Fault[] };

/**
 * Reads a certificate and its key, and checks all that they alone can tell.
 *
 * @param nowMs wall-clock time; a certificate that has expired is refused. Null: it may have.
 */
export function inspectCertificate(
  { chain, privateKey }: Pick<CertificateSpec, 'chain' | 'privateKey'>,
  nowMs: number | null,
): InspectedCertificate {
  const certificates = readChain(chain);
  if (typeof certificates === 'string') return refuse('chain', certificates);
  const [leaf] = certificates;
  if (leaf === undefined) return refuse('chain', 'must be PEM that begins with the certificate');
  const rules = [chainRule(certificates), keyKindRule(leaf.publicKey)];
  const dnsNames = dnsNamesOf(leaf.subjectAltName ?? '');
  if (dnsNames.length === 0) rules.push('the certificate must have DNS names in subjectAltName');
  const facts = factsOf(leaf, dnsNames);
  if (nowMs !== null && Date.parse(facts.notAfter) <= nowMs) {
    rules.push(`the certificate has expired (${facts.notAfter})`);
  }
  const faults = rules.flatMap((rule) => (rule === null ? [] : [{ path: 'chain', rule }]));
  const key = privateKey === undefined ? null : readKey(privateKey, certificates);
  if (typeof key === 'string') faults.push({ path: 'privateKey', rule: key });
  if (faults.length > 0 || typeof key === 'string') return { ok: false, faults };
  const pem = certificates.map(String).join('');
  const exported = key?.export({ type: 'pkcs8', format: 'pem' }).toString() ?? null;
  return { ok: true, certificate: { facts, chain: pem, privateKey: exported } };
}

function refuse(path: string, rule: string): InspectedCertificate {
  return { ok: false, faults: [{ path, rule }] };
}

/** The certificates of a chain, or the rule that it breaks. */
function readChain(chain: string): X509Certificate[] | string {
  if (chain.includes('PRIVATE KEY')) return 'holds a private key; that belongs in privateKey';
  const blocks = chain.match(CERTIFICATE) ?? [];
  if (blocks.length > CHAIN_LENGTH_MAX) return `has at most ${CHAIN_LENGTH_MAX} certificates`;
  const certificates: X509Certificate[] = [];
  for (const block of blocks) {
    try {
      certificates.push(new X509Certificate(block));
    } catch {
      return `certificate ${certificates.length + 1} of ${blocks.length} cannot be read`;
    }
  }
  return certificates;
}

function chainRule(certificates: readonly X509Certificate[]): string | null {
  for (const [index, certificate] of certificates.entries()) {
    const issuer = certificates[index + 1];
    if (issuer === undefined) return null;
    if (certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey)) continue;
    return `certificate ${index + 2} (${lineOf(issuer.subject)}) did not issue the one before it; the order is leaf, then its issuer, and so on`;
  }
  return null;
}

function keyKindRule({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): string | null {
  if (asymmetricKeyType === 'ed25519') return null;
  if (asymmetricKeyType === 'rsa') {
    const { modulusLength: bits = 0, publicExponent = 0n } = asymmetricKeyDetails ?? {};
    if (bits < RSA_BITS_MIN) {
      return `the RSA key has ${bits} bits; at least ${RSA_BITS_MIN} are needed`;
    }
    if (bits > RSA_BITS_MAX) {
      return `the RSA key has ${bits} bits; at most ${RSA_BITS_MAX} are taken, as each handshake would be slow`;
    }
    return publicExponent < RSA_EXPONENT_MAX ? null : 'the exponent of the RSA key is too large';
  }
  if (asymmetricKeyType === 'ec' && CURVES.includes(asymmetricKeyDetails?.namedCurve)) return null;
  return 'the key must be RSA, EC on P-256, P-384 or P-521, or Ed25519';
}

/** The key, or the rule that it breaks. */
function readKey(pem: string, certificates: readonly X509Certificate[]): KeyObject | string {
  let key: KeyObject;
  try {
    key = createPrivateKey({ key: pem, format: 'pem' });
  } catch {
    return pem.includes('ENCRYPTED')
      ? 'is encrypted; give it without a passphrase'
      : 'must be a private key in PEM';
  }
  const fits = certificates.findIndex((certificate) => certificate.checkPrivateKey(key));
  if (fits === 0) {
    if (key.asymmetricKeyType !== 'rsa' || isSoundRsaKey(key)) return key;
    return 'is damaged: its parts do not fit';
  }
  if (fits === -1) return 'is not the key of the certificate';
  return `is the key of certificate ${fits + 1} of the chain; the certificate itself comes first`;
}

/**
 * Whether the numbers of an RSA key of two primes fit each other. OpenSSL sees to it that none has more bits than the modulus; with
 * primes of that size each handshake would be ten times as slow.
 */
function isSoundRsaKey(key: KeyObject): boolean {
  const jwk = key.export({ format: 'jwk' });
  const [n, d] = [numberOf(jwk.n), numberOf(jwk.d)];
  const [p, q] = [numberOf(jwk.p), numberOf(jwk.q)];
  const isSmall = numberOf(jwk.dp) < p && numberOf(jwk.dq) < q && numberOf(jwk.qi) < p;
  return p > 1n && q > 1n && p * q === n && d < n && isSmall;
}

/** Of a part of a JWK. */
function numberOf(part: string | undefined): bigint {
  return BigInt(`0x0${Buffer.from(part ?? '', 'base64url').toString('hex')}`);
}

function factsOf(leaf: X509Certificate, dnsNames: readonly string[]): CertificateFacts {
  const spki = leaf.publicKey.export({ type: 'spki', format: 'der' });
  return {
    subject: lineOf(leaf.subject),
    dnsNames: [...dnsNames],
    serial: leaf.serialNumber.toLowerCase(),
    notBefore: leaf.validFromDate.toISOString(),
    notAfter: leaf.validToDate.toISOString(),
    fingerprint: hash('sha256', leaf.raw),
    keyFingerprint: hash('sha256', spki),
  };
}

/** Of `DNS:a.example.com, IP Address:…`; names that no request can be for are left out. */
function dnsNamesOf(subjectAltName: string): string[] {
  const names = Array.from(subjectAltName.matchAll(/(?:^|, )DNS:([^",]+)(?=$|,)/g), ([, name]) =>
    (name ?? '').toLowerCase(),
  );
  return [...new Set(names)].filter(isServableName);
}

/** Node writes a line for each part of a distinguished name. */
function lineOf(subject: string | undefined): string {
  return (subject ?? '').replaceAll('\n', ', ');
}
