export { compileRoutes, type RouteMatcher, type RoutePattern } from './route-matcher.ts';
export {
  canonicalPrefix,
  TenantIndex,
  type IdentityConflict,
  type IdentityPatterns,
} from './tenant-index.ts';
