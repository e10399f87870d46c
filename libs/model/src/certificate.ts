import { z } from 'zod';
import { CertificateId, DisplayName, isDnsName } from './primitives.ts';

/** Characters of a chain: ten certificates of 3 KB. */
const CHAIN_CHARS_MAX = 32_768;
/** An RSA key of 4,096 bits has 3,300. */
const KEY_CHARS_MAX = 16_384;

/** What an operator writes for a certificate. The key is sealed before it is stored, and never shown. */
export const CertificateSpec = z
  .strictObject({
    name: DisplayName.optional(),
    chain: z
      .string()
      .max(CHAIN_CHARS_MAX)
      .describe(
        'PEM: the certificate, then each one that issued the one before it, without the root. RSA of 2048 to 4096 bits, EC on P-256, P-384 or P-521, or Ed25519; not expired; with names in its subjectAltName, of which the tenant has at least one among its hosts.',
      ),
    privateKey: z
      .string()
      .max(KEY_CHARS_MAX)
      .optional()
      .meta({ writeOnly: true })
      .describe(
        'PEM of the key, without a passphrase. It is kept encrypted and never shown. May be left out where the one that is stored fits: so a renewal with the same key needs none, nor does an exported bundle.',
      ),
  })
  .describe('A TLS certificate of a tenant, with its key.');
export type CertificateSpec = z.infer<typeof CertificateSpec>;

/** What is read from a certificate. */
export const CertificateFacts = z.object({
  subject: z.string().describe('Distinguished name of the subject, one line.'),
  dnsNames: z.array(z.string()).describe('DNS names of its subjectAltName, lower case.'),
  serial: z.string().describe('Serial number in hex.'),
  notBefore: z.iso.datetime(),
  notAfter: z.iso.datetime(),
  fingerprint: z.string().describe('SHA-256 of the certificate (DER) in lower-case hex.'),
  keyFingerprint: z.string().describe('SHA-256 of its public key (SPKI) in lower-case hex.'),
});
export type CertificateFacts = z.infer<typeof CertificateFacts>;

/** As stored and published. */
export const Certificate = CertificateFacts.extend({
  id: CertificateId,
  name: DisplayName.optional(),
  chain: z.string(),
  sealedPrivateKey: z
    .string()
    .describe('The key, encrypted with one of HEADGATE_SECRETS_KEY for this tenant and id.'),
});
export type Certificate = z.infer<typeof Certificate>;

/** As the management API shows it. */
export const ShownCertificate = Certificate.omit({ sealedPrivateKey: true }).extend({
  hosts: z
    .array(z.string())
    .describe('What it serves: names of the certificate that are hosts of the tenant.'),
});
export type ShownCertificate = z.infer<typeof ShownCertificate>;

/** Whether a name of a certificate is one that requests can be for: `api.example.com` or `*.example.com`. */
export function isServableName(name: string): boolean {
  return isDnsName(name.startsWith('*.') ? name.slice(2) : name);
}

/** Whether a certificate with these names is valid for a host: a wildcard stands for one label (RFC 9525). */
export function coversName(dnsNames: readonly string[], host: string): boolean {
  return dnsNames.includes(host) || dnsNames.includes(wildcardOf(host));
}

/** The wildcard that covers a host: `*.example.com` of `api.example.com`. */
export function wildcardOf(host: string): string {
  return `*${host.slice(Math.max(host.indexOf('.'), 0))}`;
}

/**
 * What a certificate with these names serves of a tenant's hosts: its names that lie within them, and hosts that a wildcard
 * of it covers. Sorted.
 */
export function servedHosts(dnsNames: readonly string[], hosts: readonly string[]): string[] {
  const [names, known] = [new Set(dnsNames), new Set(hosts)];
  const served = new Set(
    hosts.filter(
      (host) => !host.startsWith('*.') && (names.has(host) || names.has(wildcardOf(host))),
    ),
  );
  for (const name of names) if (known.has(name) || isBelow(known, name)) served.add(name);
  return [...served].sort();
}

/** Whether a name lies below one of the wildcards. By lookups: thousands of names and hundreds of hosts took 40 ms. */
function isBelow(hosts: ReadonlySet<string>, name: string): boolean {
  const from = name.startsWith('*.') ? 2 : 0;
  for (let dot = name.indexOf('.', from); dot !== -1; dot = name.indexOf('.', dot + 1)) {
    if (hosts.has(`*${name.slice(dot)}`)) return true;
  }
  return false;
}
