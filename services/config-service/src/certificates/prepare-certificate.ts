import { createSecureContext } from 'node:tls';
import { inspectCertificate, type Bundle, type CertificateSpec, type Fault } from '@headgate/model';
import { SECRETS_KEY, type Clock, type SecretsKeys } from '@headgate/runtime';
import { inSlices } from '../http/in-slices.ts';
import { FAULTS_MAX } from '../http/problems.ts';
import { bundlePath } from '../store/integrity.ts';
import type { CertificateRecord } from '../store/kinds.ts';
import { accept, refuse, type Outcome, type Refusal } from '../store/outcome.ts';

/** What certificates are checked and sealed with. */
export interface CertificateDeps {
  readonly clock: Pick<Clock, 'nowMs'>;
  /** Null: none are configured, and no key of a certificate can be kept. */
  readonly secrets: SecretsKeys | null;
}

/** Which certificate. */
export interface CertificatePlace {
  readonly tenantId: string;
  readonly id: string;
}

/** A certificate that was checked, before it meets the stored one. Its key is sealed by now, and nowhere else. */
export interface PreparedCertificate {
  readonly record: Omit<CertificateRecord, 'sealedPrivateKey'>;
  /** Null if none was given: then the stored one has to fit. */
  readonly sealedPrivateKey: string | null;
  /** Whether a key that is stored was sealed as it would be today. */
  readonly isSealedNow: (sealedPrivateKey: string) => boolean;
  /** Only to be compared: no key is needed. */
  readonly isComparison: boolean;
}

/** Certificates of one tenant by id. */
export type PreparedCertificates = ReadonlyMap<string, PreparedCertificate>;

/** Those of a bundle, by tenant. */
export type BundleCertificates = ReadonlyMap<string, PreparedCertificates>;

/** Checks a certificate that is to be written, and seals its key. Paths of faults are those inside of it. */
export function prepareCertificate(
  { clock, secrets }: CertificateDeps,
  place: CertificatePlace,
  { name, chain, privateKey }: CertificateSpec,
): Outcome<PreparedCertificate> {
  const inspected = inspectCertificate({ chain, privateKey }, clock.nowMs());
  if (!inspected.ok) return refuse({ reason: 'invalid', faults: inspected.faults });
  const { certificate } = inspected;
  if (secrets === null) {
    return invalid(
      'privateKey',
      `no certificate can be kept: ${SECRETS_KEY} is not set on the config-service`,
    );
  }
  let sealedPrivateKey: string | null = null;
  if (certificate.privateKey !== null) {
    const rule = ruleOfTls(certificate.chain, certificate.privateKey);
    if (rule !== null) return invalid('chain', rule);
    sealedPrivateKey = secrets.seal(certificate.privateKey, { kind: 'certificate', ...place });
  }
  const { facts } = certificate;
  return accept({
    record: { ...(name === undefined ? {} : { name }), chain: certificate.chain, ...facts },
    sealedPrivateKey,
    isSealedNow: (sealed) => secrets.isNewest(sealed),
    isComparison: false,
  });
}

/** Those of a bundle, a few milliseconds at a time; a refusal with every fault. */
export function prepareCertificates(
  deps: CertificateDeps,
  bundle: Pick<Bundle, 'tenants'>,
): Promise<Outcome<BundleCertificates>> {
  return inSlices(prepareSteps((place, spec) => prepareCertificate(deps, place, spec), bundle));
}

/** As {@link prepareCertificates}, only to be compared with what is stored: nothing is sealed, and they may have expired. */
export function readCertificates(
  bundle: Pick<Bundle, 'tenants'>,
): Promise<Outcome<BundleCertificates>> {
  return inSlices(prepareSteps((_, spec) => readCertificate(spec), bundle));
}

function readCertificate({ name, chain }: CertificateSpec): Outcome<PreparedCertificate> {
  const inspected = inspectCertificate({ chain }, null);
  if (!inspected.ok) return refuse({ reason: 'invalid', faults: inspected.faults });
  const { facts, chain: pem } = inspected.certificate;
  return accept({
    record: { ...(name === undefined ? {} : { name }), chain: pem, ...facts },
    sealedPrivateKey: null,
    isSealedNow: () => true,
    isComparison: true,
  });
}

function* prepareSteps(
  prepare: (place: CertificatePlace, spec: CertificateSpec) => Outcome<PreparedCertificate>,
  { tenants }: Pick<Bundle, 'tenants'>,
): Generator<undefined, Outcome<BundleCertificates>> {
  const all = new Map<string, PreparedCertificates>();
  const faults: Fault[] = [];
  for (const [tenantId, { certificates }] of Object.entries(tenants)) {
    const prepared = new Map<string, PreparedCertificate>();
    for (const [id, spec] of Object.entries(certificates)) {
      yield;
      const outcome = prepare({ tenantId, id }, spec);
      if (outcome.ok) {
        prepared.set(id, outcome.value);
        continue;
      }
      const refusal = refusalInBundle(outcome.refusal, { tenantId, id });
      if ('faults' in refusal) faults.push(...refusal.faults);
      if (faults.length > FAULTS_MAX) return refuse({ reason: 'invalid', faults });
    }
    if (prepared.size > 0) all.set(tenantId, prepared);
  }
  return faults.length > 0 ? refuse({ reason: 'invalid', faults }) : accept(all);
}

/**
 * What becomes of a certificate beside the stored one. The key that is stored stays if it is the same one: a write of what is
 * there changes nothing, though no key is ever sealed to the same text twice. One that was sealed with an older key of the
 * platform is sealed anew.
 */
export function certificateRecord(
  { record, sealedPrivateKey, isSealedNow, isComparison }: PreparedCertificate,
  known: CertificateRecord | undefined,
): Outcome<CertificateRecord> {
  const stored = known?.keyFingerprint === record.keyFingerprint ? known.sealedPrivateKey : null;
  if (stored !== null && (sealedPrivateKey === null || isSealedNow(stored))) {
    return accept({ ...record, sealedPrivateKey: stored });
  }
  if (sealedPrivateKey !== null) return accept({ ...record, sealedPrivateKey });
  if (isComparison) return accept({ ...record, sealedPrivateKey: '' });
  return invalid(
    'privateKey',
    known === undefined
      ? 'missing; no key is stored for this certificate'
      : 'missing; the key that is stored belongs to another certificate',
  );
}

/** The refusal of a certificate, with paths as in a bundle. */
export function refusalInBundle(refusal: Refusal, place: CertificatePlace): Refusal {
  if (!('faults' in refusal)) return refusal;
  const faults = refusal.faults.map((fault) => ({
    ...fault,
    path: bundlePath({ kind: 'certificate', ...place, path: fault.path }),
  }));
  return { ...refusal, faults };
}

/** What OpenSSL has against it, such as a weak signature; null if nothing. Edges hand it the same. */
function ruleOfTls(cert: string, key: string): string | null {
  try {
    createSecureContext({ cert, key, ca: [] });
    return null;
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
    return `cannot be used for TLS (${code})`;
  }
}

function invalid(path: string, rule: string): Outcome<never> {
  return refuse({ reason: 'invalid', faults: [{ path, rule }] });
}
