/** What is shown in place of a secret. */
export const HIDDEN = '(hidden)';

/**
 * Names of fields that hold secrets or their hashes. By name, so that a field which is added to the
 * model is hidden without anybody thinking of this file: `clientSecret`, `basicPasswords`.
 */
const SECRET_NAME = /(?:sha256|secret|password|passphrase|token|privatekey|credential)s?$/i;

/** Whether the values of fields of this name must not be shown. */
export function isSecretName(name: string): boolean {
  return SECRET_NAME.test(name);
}

/** A copy in which secrets at any depth are hidden. */
export function hideSecrets(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(hideSecrets);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key,
      isSecretName(key) ? HIDDEN : hideSecrets(inner),
    ]),
  );
}
