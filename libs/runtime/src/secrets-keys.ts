import { hash } from 'node:crypto';
import { z } from 'zod';
import { openSealedText, sealText } from './sealed-text.ts';

/** A key of 32 bytes in base64url, without padding. */
const KEY = /^[A-Za-z0-9_-]{43}$/;
const VERSION = 'v1';
const KEY_ID_CHARS = 12;
/** What {@link SecretsKeys.seal} returns: version, id of the key, and what {@link sealText} made. */
const ENVELOPE = /^v1\.([A-Za-z0-9_-]{12})\.([A-Za-z0-9_-]+)$/;

/** What was sealed: names one secret of one resource, so that it opens nowhere else. */
export interface SecretPlace {
  readonly kind: 'certificate';
  readonly tenantId: string;
  readonly id: string;
}

/** The outcome of {@link SecretsKeys.open}: the text, or why there is none. */
export type OpenedSecret =
  { readonly ok: true; readonly text: string } | { readonly ok: false; readonly reason: string };

/** Keys of {@link SECRETS_KEY}: the first one seals, all of them open. */
export class SecretsKeys {
  /** By id, in the order given. */
  readonly #keys: ReadonlyMap<string, Uint8Array>;

  /** @param texts at least one, as {@link environmentSecretsKeys} takes them. */
  constructor(texts: readonly string[]) {
    this.#keys = new Map(
      texts.map((text) => {
        const key = Buffer.from(text, 'base64url');
        return [hash('sha256', key, 'base64url').slice(0, KEY_ID_CHARS), key];
      }),
    );
  }

  /** Seals a text for one place, with the first key. */
  seal(text: string, place: SecretPlace): string {
    const [first] = this.#keys;
    if (first === undefined) throw new TypeError('there is no key');
    const [keyId, key] = first;
    return `${VERSION}.${keyId}.${sealText(key, text, purposeOf(place))}`;
  }

  /** Whether it was sealed with the key that seals now. */
  isNewest(envelope: string): boolean {
    const [newest] = this.#keys.keys();
    return newest !== undefined && keyIdOf(envelope) === newest;
  }

  /** Why {@link open} will fail, as far as that can be told without opening it; null if it cannot. Costs next to nothing. */
  whyClosed(envelope: string): string | null {
    const keyId = keyIdOf(envelope);
    if (keyId === null) return 'is no sealed secret of a version that is known here';
    if (this.#keys.has(keyId)) return null;
    return `is sealed with the key ${keyId}, which is not in ${SECRETS_KEY} here`;
  }

  /** Opens what {@link seal} returned for the same place. */
  open(envelope: string, place: SecretPlace): OpenedSecret {
    const [, keyId = '', sealed = ''] = ENVELOPE.exec(envelope) ?? [];
    const key = this.#keys.get(keyId);
    if (key === undefined) {
      return { ok: false, reason: this.whyClosed(envelope) ?? 'cannot be opened' };
    }
    const text = openSealedText(key, sealed, purposeOf(place));
    if (text !== null) return { ok: true, text };
    return { ok: false, reason: 'was altered, or sealed for another place' };
  }
}

/** The variable that holds the keys; services that share secrets share it. */
export const SECRETS_KEY = 'HEADGATE_SECRETS_KEY';

/** Of {@link SECRETS_KEY}: keys with commas in between. */
export const environmentSecretsKeys = z
  .string()
  .transform((text) => text.split(',').map((one) => one.trim()))
  .refine((keys) => keys.length <= 8 && keys.every((key) => KEY.test(key)), {
    error: 'must be 1 to 8 keys of 32 bytes in base64url (43 characters), with commas in between',
  });

function keyIdOf(envelope: string): string | null {
  return ENVELOPE.exec(envelope)?.[1] ?? null;
}

/** Ids hold no line feed. */
function purposeOf({ kind, tenantId, id }: SecretPlace): string {
  return `headgate ${kind}\n${tenantId}\n${id}`;
}
