import { z } from 'zod';
import { ApiKey } from './api-key.ts';
import { CertificateSpec } from './certificate.ts';
import { JwtIssuerSpec } from './jwt-issuer.ts';
import { PlanSpec } from './plan.ts';
import {
  ApiKeyId,
  CertificateId,
  JwtIssuerId,
  PlanId,
  RouteId,
  SharedUpstreamId,
  TenantId,
  UpstreamId,
} from './primitives.ts';
import { RouteSpec } from './route.ts';
import { TenantSpec } from './tenant.ts';
import { UpstreamSpec } from './upstream.ts';

/** In a bundle an API key is given by its hash, so that the file can lie in Git. */
export const BundleApiKey = ApiKey.omit({ id: true, hint: true }).describe(
  'An API key, by the SHA-256 of the whole key.',
);
export type BundleApiKey = z.infer<typeof BundleApiKey>;

/**
 * A tenant with all that belongs to it. Upstreams, routes and JWT issuers of the tenant that the bundle does not name are deleted;
 * API keys and certificates that it does not name are left alone, as they may have been made through the API.
 */
export const TenantBundle = TenantSpec.extend({
  upstreams: z.record(UpstreamId, UpstreamSpec).default({}),
  routes: z.record(RouteId, RouteSpec).default({}),
  jwtIssuers: z.record(JwtIssuerId, JwtIssuerSpec).default({}),
  apiKeys: z.record(ApiKeyId, BundleApiKey).default({}),
  certificates: z.record(CertificateId, CertificateSpec).default({}),
});
export type TenantBundle = z.infer<typeof TenantBundle>;

/** A declarative bundle (YAML or JSON). What it does not name of plans, shared upstreams and tenants is left alone. */
export const Bundle = z
  .strictObject({
    apiVersion: z.literal('headgate/v1'),
    plans: z.record(PlanId, PlanSpec).default({}),
    upstreams: z
      .record(SharedUpstreamId, UpstreamSpec)
      .default({})
      .describe('Shared upstreams, which routes name as `sharedUpstreamId`.'),
    tenants: z.record(TenantId, TenantBundle).default({}),
  })
  .describe(
    'Desired state of the plans, shared upstreams and tenants that it names; others are left alone.',
  );
export type Bundle = z.infer<typeof Bundle>;
