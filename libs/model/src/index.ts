export { ACCESS_TOKEN_PREFIX, AccessToken, AccessTokenSpec, Role } from './access-token.ts';
export { API_KEY_PREFIX, ApiKey, ApiKeySpec, OWN_LIMIT_PREFIX } from './api-key.ts';
export { bundleJsonSchema } from './bundle-json-schema.ts';
export { Bundle, BundleApiKey, TenantBundle } from './bundle.ts';
export {
  Certificate,
  CertificateSpec,
  coversName,
  servedHosts,
  ShownCertificate,
  wildcardOf,
} from './certificate.ts';
export {
  DOCUMENT_VERSION,
  documentKey,
  DocumentHeader,
  DocumentKind,
  isNeededByTenants,
  kindOfKey,
  PlanDocument,
  RINGS_MAX,
  TenantDocument,
  UpstreamDocument,
} from './document.ts';
export { usualHeader } from './usual-header.ts';
export { describeFaults, type Fault } from './faults.ts';
export { isRefusedAddress, refusedEndpointHost, refusedJwksHost } from './endpoint-addresses.ts';
export { EndpointHealth, healthKey, HealthState } from './health-state.ts';
export {
  bundleFaults,
  certificateFaults,
  countFaults,
  hostFaults,
  routeFaults,
} from './integrity.ts';
export {
  inspectCertificate,
  type InspectedCertificate,
  type ReadCertificate,
} from './inspect-certificate.ts';
export { algorithmsOfJwk, importPublicJwk, JwtAlgorithm, KID_CHARS_MAX, PublicJwk } from './jwk.ts';
export { hostOfUrl, JwtIssuer, JwtIssuerSpec } from './jwt-issuer.ts';
export { Headroom, Limit, LimitKind, LimitUnit, overrideLimits } from './limit.ts';
export { Plan, PlanSpec } from './plan.ts';
export {
  PLATFORM_PLAN_ID,
  PlanPool,
  poolEntity,
  PoolLimit,
  poolPlace,
  poolPlanIds,
  poolSpread,
} from './pool.ts';
export {
  AccessTokenId,
  ApiKeyId,
  CertificateId,
  HostPattern,
  ID_PATTERN,
  isHostName,
  JwtIssuerId,
  PathPattern,
  PlanId,
  Region,
  Revision,
  Ring,
  RouteId,
  SharedUpstreamId,
  TenantId,
  TextLine,
  UpstreamId,
} from './primitives.ts';
export { RolloutGuard, RolloutPlan, RolloutRing, RolloutSpec } from './rollout.ts';
export { Method, Priority, Route, RouteJwt, RouteMatch, RouteSpec } from './route.ts';
export { Tenant, TenantIdentity, TenantSpec } from './tenant.ts';
export {
  Endpoint,
  endpointId,
  HealthCheck,
  SharedUpstream,
  Upstream,
  UpstreamSpec,
} from './upstream.ts';
