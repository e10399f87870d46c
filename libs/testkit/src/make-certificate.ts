import {
  createPublicKey,
  generateKeyPairSync,
  randomBytes,
  sign,
  X509Certificate,
  type KeyObject,
} from 'node:crypto';

/** Kinds of key that a certificate can be for. */
export type KeyKind = keyof typeof CURVES | 'ed25519' | keyof typeof RSA_BITS;

/** A certificate with its key; it can issue others. */
export interface TestCertificate {
  /** This certificate alone. */
  readonly pem: string;
  /** This certificate and those above it, without the root. */
  readonly chain: string;
  readonly privateKey: string;
  readonly name: string;
  readonly key: KeyObject;
}

/** Options of {@link makeCertificate}. */
export interface CertificateOptions {
  /** Common name of the subject. */
  readonly name?: string;
  /** Names in the subjectAltName; none: no such extension. */
  readonly dnsNames?: readonly string[];
  /** Who signs it; default: itself. */
  readonly issuer?: TestCertificate;
  /** It may issue others. */
  readonly isAuthority?: boolean;
  /** Default: an hour ago. */
  readonly notBefore?: Date;
  /** Default: in a day. */
  readonly notAfter?: Date;
  /** Default `p256`. */
  readonly keyKind?: KeyKind;
  /** The pair of another certificate, as at a renewal. */
  readonly keyOf?: TestCertificate;
}

/**
 * Makes a real X.509 certificate (RFC 5280), for tests that need one of each kind: Node can read them, but not make them, and
 * files would expire.
 */
export function makeCertificate(options: CertificateOptions = {}): TestCertificate {
  const { name = 'test', dnsNames = [], issuer, isAuthority = false } = options;
  const { notBefore = inHours(-1), notAfter = inHours(24), keyOf } = options;
  const privateKey = keyOf?.key ?? makeKey(options.keyKind ?? 'p256');
  const publicKey = spkiOf(privateKey);
  const signer = issuer?.key ?? privateKey;
  const algorithm = algorithmOf(signer);
  const toBeSigned = sequence(
    explicit(0, der(0x02, Buffer.from([2]))), // version 3
    der(0x02, Buffer.concat([Buffer.from([1]), randomBytes(15)])),
    algorithm,
    nameOf(issuer?.name ?? name),
    sequence(time(notBefore), time(notAfter)),
    nameOf(name),
    publicKey,
    explicit(3, sequence(...extensionsOf(dnsNames, isAuthority))),
  );
  const digest = signer.asymmetricKeyType === 'ed25519' ? null : 'sha256';
  const signature = sign(digest, toBeSigned, signer);
  const raw = sequence(toBeSigned, algorithm, bitString(signature));
  const pem = new X509Certificate(raw).toString();
  const isBelowRoot = issuer !== undefined && issuer.chain !== '';
  return {
    pem,
    // A root is not sent: clients have it.
    chain: issuer === undefined && isAuthority ? '' : pem + (isBelowRoot ? issuer.chain : ''),
    privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    name,
    key: privateKey,
  };
}

/** A time so many hours from now. */
export function inHours(hours: number): Date {
  return new Date(Date.now() + hours * 3_600_000);
}

function makeKey(kind: KeyKind): KeyObject {
  switch (kind) {
    case 'ed25519':
      return generateKeyPairSync('ed25519').privateKey;
    case 'rsa1024':
    case 'rsa2048':
    case 'rsa4096':
    case 'rsa4104':
      return generateKeyPairSync('rsa', { modulusLength: RSA_BITS[kind] }).privateKey;
    default:
      return generateKeyPairSync('ec', { namedCurve: CURVES[kind] }).privateKey;
  }
}

const CURVES = { p256: 'P-256', p384: 'P-384', p521: 'P-521', secp256k1: 'secp256k1' } as const;
const RSA_BITS = { rsa1024: 1024, rsa2048: 2048, rsa4096: 4096, rsa4104: 4104 } as const;

function spkiOf(key: KeyObject): Buffer {
  return createPublicKey(key).export({ type: 'spki', format: 'der' });
}

function algorithmOf({ asymmetricKeyType }: KeyObject): Buffer {
  if (asymmetricKeyType === 'ed25519') return sequence(oid('1.3.101.112'));
  if (asymmetricKeyType === 'rsa') return sequence(oid('1.2.840.113549.1.1.11'), der(0x05));
  return sequence(oid('1.2.840.10045.4.3.2'));
}

function extensionsOf(dnsNames: readonly string[], isAuthority: boolean): Buffer[] {
  const basic = sequence(...(isAuthority ? [der(0x01, Buffer.from([0xff]))] : []));
  const names = dnsNames.map((one) => der(0x82, Buffer.from(one, 'latin1')));
  return [
    sequence(oid('2.5.29.19'), der(0x01, Buffer.from([0xff])), der(0x04, basic)),
    ...(names.length === 0 ? [] : [sequence(oid('2.5.29.17'), der(0x04, sequence(...names)))]),
  ];
}

function nameOf(text: string): Buffer {
  return sequence(der(0x31, sequence(oid('2.5.4.3'), der(0x0c, Buffer.from(text)))));
}

/** GeneralizedTime throughout, which readers take for every year. */
function time(date: Date): Buffer {
  const digits = date.toISOString().replaceAll(/[-:T]|\.\d+/g, '');
  return der(0x18, Buffer.from(digits));
}

function oid(text: string): Buffer {
  const [first = 0, second = 0, ...rest] = text.split('.').map(Number);
  const bytes = [first * 40 + second];
  for (const part of rest) {
    const groups = [part & 0x7f];
    for (let left = part >>> 7; left > 0; left >>>= 7) groups.unshift((left & 0x7f) | 0x80);
    bytes.push(...groups);
  }
  return der(0x06, Buffer.from(bytes));
}

function bitString(bytes: Buffer): Buffer {
  return der(0x03, Buffer.concat([Buffer.from([0]), bytes]));
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return der(0x30, ...parts);
}

function explicit(tag: number, part: Buffer): Buffer {
  return der(0xa0 | tag, part);
}

/** Tag, length and content (X.690, DER). */
function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  const length = content.length;
  if (length < 0x80) return Buffer.concat([Buffer.from([tag, length]), content]);
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(length);
  const significant = bytes.subarray(bytes.findIndex((byte) => byte !== 0));
  return Buffer.concat([Buffer.from([tag, 0x80 | significant.length]), significant, content]);
}
