import {
  CertificateId,
  CertificateSpec,
  servedHosts,
  ShownCertificate,
  TenantId,
} from '@headgate/model';
import { z } from 'zod';
import { certificateRecord, prepareCertificate } from '../certificates/prepare-certificate.ts';
import type { Operation } from '../http/operation.ts';
import { accept } from '../store/outcome.ts';
import type { ApiContext } from './api-context.ts';
import { defineResource, NESTED_PERMISSIONS } from './crud.ts';
import { editNested } from './edits.ts';
import { exampleOf } from './example.ts';

const EXAMPLE_CHAIN = '-----BEGIN CERTIFICATE-----\nMIIB…\n-----END CERTIFICATE-----\n';
const EXAMPLE = exampleOf(ShownCertificate, 'web', {
  name: 'Web',
  subject: 'CN=acme.example.com',
  dnsNames: ['acme.example.com', '*.acme.example.com'],
  serial: '03a1f2c4',
  notBefore: '2026-01-01T00:00:00.000Z',
  notAfter: '2026-04-01T00:00:00.000Z',
  fingerprint: '2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae',
  keyFingerprint: 'fcde2b2edba56bf408601fb721fe9b5c338d10ee429ea04fae5511b68fbf8fb9',
  chain: EXAMPLE_CHAIN,
  hosts: ['acme.example.com'],
});
const EXAMPLE_SPEC = {
  name: 'Web',
  chain: EXAMPLE_CHAIN,
  privateKey: '-----BEGIN PRIVATE KEY-----\nMIGH…\n-----END PRIVATE KEY-----\n',
};

/** Operations on certificates. No reply shows a key, sealed or not. */
export function certificateOperations(context: ApiContext): Operation[] {
  return defineResource(context, {
    kind: 'certificate',
    title: 'certificate',
    permissions: NESTED_PERMISSIONS,
    collectionPath: '/v1/tenants/{tenantId}/certificates',
    idName: 'certificateId',
    params: z.strictObject({ tenantId: TenantId, certificateId: CertificateId }),
    spec: CertificateSpec,
    resource: ShownCertificate,
    example: { spec: EXAMPLE_SPEC, resource: EXAMPLE.resource },
    show: ({ sealedPrivateKey: _, ...shown }, hosts) => ({
      ...shown,
      hosts: servedHosts(shown.dnsNames, hosts),
    }),
    edit(target, spec, preconditions) {
      const { tenantId, id } = { ...target, tenantId: target.tenantId ?? '' };
      // Before the tenant is locked: it takes half a millisecond.
      const prepared =
        spec === null ? null : prepareCertificate(context.certificates, { tenantId, id }, spec);
      return editNested(
        { kind: 'certificate', tenantId, id },
        (stored) => {
          if (prepared === null) return accept(null);
          return prepared.ok ? certificateRecord(prepared.value, stored?.spec) : prepared;
        },
        preconditions,
      );
    },
  });
}
