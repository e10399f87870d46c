import { hkdfSync } from 'node:crypto';
import { openSealedText, SEAL_KEY_BYTES, sealText } from '@headgate/runtime';

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
    hkdfSync('sha256', credential, '', `headgate kept reply ${purpose}`, SEAL_KEY_BYTES),
  );
  return {
    seal: (text) => sealText(key, text),
    open: (sealed) => openSealedText(key, sealed),
  };
}
