import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';

const CIPHER = 'aes-256-gcm';
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** Makes a text unreadable without a secret, and readable with it. */
export interface Seal {
  seal(text: string): string;
  /** Null if it was sealed with another secret. */
  open(sealed: string): string | null;
}

/** For what is no secret. */
export const NO_SEAL: Seal = { seal: (text) => text, open: (text) => text };

/**
 * A seal that only the credential of the asker opens: of it the database has the hash alone, so neither the database nor a
 * copy of it tells what was sealed.
 *
 * @param credential whatever proves who asks; as hard to guess as the secret that is sealed.
 * @param purpose makes another key of the same credential.
 */
export function createSeal(credential: string, purpose: string): Seal {
  const key = Buffer.from(
    hkdfSync('sha256', credential, '', `headgate kept reply ${purpose}`, KEY_BYTES),
  );
  return {
    seal(text) {
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv(CIPHER, key, nonce);
      const sealed = Buffer.concat([nonce, cipher.update(text, 'utf8'), cipher.final()]);
      return Buffer.concat([sealed, cipher.getAuthTag()]).toString('base64url');
    },
    open(sealed) {
      const bytes = Buffer.from(sealed, 'base64url');
      if (bytes.length < NONCE_BYTES + TAG_BYTES) return null;
      const decipher = createDecipheriv(CIPHER, key, bytes.subarray(0, NONCE_BYTES));
      decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
      const text = decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES));
      try {
        return Buffer.concat([text, decipher.final()]).toString('utf8');
      } catch {
        return null; // the tag does not fit: another key
      }
    },
  };
}
