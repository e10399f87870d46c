import { JwtAlgorithm, KID_CHARS_MAX } from '@headgate/model';
import { readJsonObject, type JsonObject } from './read-json.ts';

/** Longest token that is looked at. */
export const TOKEN_CHARS_MAX = 8192;

/** Three parts of base64url (RFC 7515, section 7.1), of which none is empty. */
const COMPACT = /^([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)$/;
/** Types of tokens that speak for a client (RFC 9068, section 2.1); others, such as `logout+jwt`, are for something else. */
const TYPES = /^(?:application\/)?(?:at\+)?jwt$/i;
/** Header fields that change what the signature is of, or that this is a signature at all. */
const REFUSED = ['crit', 'b64', 'enc', 'zip'];

/** A token as it was sent: nothing of it is proven. */
export interface ReadJwt {
  readonly algorithm: JwtAlgorithm;
  /** Null if it names no key. */
  readonly kid: string | null;
  readonly claims: JsonObject;
  /** What is signed. */
  readonly signed: Buffer;
  readonly signature: Buffer;
}

const ALGORITHMS: ReadonlySet<unknown> = new Set(JwtAlgorithm.options);

/**
 * Reads a JWT in the compact serialisation of a JWS (RFC 7519, 7515), strictly; null for anything else: other serialisations, JWE, an
 * algorithm that is none of ours, header fields that have to be understood, and encodings of which there is more than one for the same
 * bytes. Keys that the header brings or points to (`jwk`, `x5c`, `jku`, `x5u`) are not looked at.
 */
export function readJwt(token: string): ReadJwt | null {
  const parts = token.length > TOKEN_CHARS_MAX ? null : COMPACT.exec(token);
  if (parts === null) return null;
  const [, headerText = '', claimsText = '', signatureText = ''] = parts;
  const header = readPart(headerText);
  if (header === null || REFUSED.some((name) => Object.hasOwn(header, name))) return null;
  const { alg, kid, typ = 'JWT' } = header;
  if (!isAlgorithm(alg) || typeof typ !== 'string' || !TYPES.test(typ)) return null;
  if (kid !== undefined && (typeof kid !== 'string' || kid.length > KID_CHARS_MAX)) return null;
  const claims = readPart(claimsText);
  const signature = decode(signatureText);
  if (claims === null || signature === null) return null;
  const signed = Buffer.from(`${headerText}.${claimsText}`, 'latin1');
  return { algorithm: alg, kid: kid ?? null, claims, signed, signature };
}

function isAlgorithm(value: unknown): value is JwtAlgorithm {
  return ALGORITHMS.has(value);
}

function readPart(text: string): JsonObject | null {
  const bytes = decode(text);
  return bytes === null ? null : readJsonObject(bytes);
}

/** Null unless it is the one encoding of its bytes. */
function decode(text: string): Buffer | null {
  const bytes = Buffer.from(text, 'base64url');
  return bytes.toString('base64url') === text ? bytes : null;
}
