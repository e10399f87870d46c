export { canonicalPrefix } from './prefix-table.ts';
export { compileRoutes, type RouteMatcher, type RoutePattern } from './route-matcher.ts';
export { TenantIndex, type IdentityConflict, type IdentityPatterns } from './tenant-index.ts';
