import { hash } from 'node:crypto';
import { isSet, type KeyCredential, type KongConsumer, type KongFile } from './kong-file.ts';
import type { Notes } from './notes.ts';
import { translatePlugins, type PlacedPlugin } from './plugins.ts';
import { isOf, placed } from './references.ts';

const NOT_OF_CONSUMERS = [
  'basicauth_credentials',
  'jwt_secrets',
  'hmacauth_credentials',
  'acls',
  'groups',
  'oauth2_credentials',
  'mtls_auth_credentials',
];
/** Kong, or deck, puts the key there: the hash of the text itself would be that of a key which all readers of the file have. */
const PLACEHOLDERS = ['{vault://', '${{'];

/** Makes API keys, by their hashes, out of consumers and their keys. */
export function translateConsumers(
  file: KongFile,
  plugins: readonly PlacedPlugin[],
  notes: Notes,
): Record<string, object> {
  const keys: Record<string, object> = {};
  for (const [index, consumer] of (file.consumers ?? []).entries()) {
    const path = `consumers[${index}]`;
    const name = consumer.username ?? consumer.custom_id ?? `consumer-${index + 1}`;
    notes.loseKeys(path, consumer, NOT_OF_CONSUMERS);
    const own = placed(consumer.plugins, path, plugins, (plugin) =>
      isOf(plugin.consumer, consumer),
    );
    const { limits, isGuarded } = translatePlugins(own, notes, true);
    for (const { credential, path: place } of credentialsOf(file, consumer, path)) {
      if (!isUsable(credential, place, notes) || isGuarded) continue;
      // Only the hash leaves this machine.
      const sha256 = hash('sha256', credential.key);
      keys[notes.id('key', name)] = { name: name.slice(0, 128), sha256, limits };
    }
  }
  return keys;
}

function isUsable({ key, ttl }: KeyCredential, path: string, notes: Notes): boolean {
  if (PLACEHOLDERS.some((mark) => key.includes(mark))) {
    const rule = 'the key lies elsewhere and is left out: put it in the file, or make a new one';
    notes.lose(path, rule);
    return false;
  }
  if (!isSet(ttl) || ttl === 0) return true;
  notes.lose(`${path}.ttl`, 'keys expire at a time: the key is left out; give it expiresAt', ttl);
  return false;
}

function credentialsOf(
  file: KongFile,
  consumer: KongConsumer,
  path: string,
): { readonly credential: KeyCredential; readonly path: string }[] {
  const place = (credential: KeyCredential, index: number, within: string) => ({
    credential,
    path: `${within}keyauth_credentials[${index}]`,
  });
  return [
    ...(consumer.keyauth_credentials ?? []).map((one, index) => place(one, index, `${path}.`)),
    ...(file.keyauth_credentials ?? [])
      .map((one, index) => place(one, index, ''))
      .filter(({ credential }) => isOf(credential.consumer, consumer)),
  ];
}
