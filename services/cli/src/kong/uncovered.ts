import type { KongRoute, KongService } from './kong-file.ts';

/** A route of the file, and how it is protected there. */
export interface ProtectedRoute {
  readonly route: KongRoute;
  readonly service: KongService;
  readonly needsKey: boolean;
  readonly isGuarded: boolean;
}

/**
 * Whether leaving `left` out would bring its requests to the same endpoints through `kept`, which asks less of them:
 * a narrower route keeps its requests from a wider one only while it is there.
 */
export function wouldUncover(left: ProtectedRoute, kept: ProtectedRoute): boolean {
  const asksLess = left.isGuarded || (left.needsKey && !kept.needsKey);
  return asksLess && addressOf(left.service) === addressOf(kept.service) && takes(kept, left);
}

function addressOf({ url, host, port }: KongService): string {
  return JSON.stringify([url ?? null, host ?? null, port ?? null]);
}

function takes({ route: wide }: ProtectedRoute, { route: narrow }: ProtectedRoute): boolean {
  // An expression may be about whatever host, path and method.
  if (typeof narrow['expression'] === 'string') return true;
  return (
    meet(wide.hosts, narrow.hosts, isSameHost) &&
    meet(wide.methods, narrow.methods, (one, other) => one === other) &&
    meet(wide.paths, narrow.paths?.length ? narrow.paths : ['/'], isPrefix)
  );
}

/** None stands for all. */
function meet(
  some: readonly string[] | null | undefined,
  others: readonly string[] | null | undefined,
  doMeet: (one: string, other: string) => boolean,
): boolean {
  if (!some?.length || !others?.length) return true;
  return some.some((one) => others.some((other) => doMeet(one, other)));
}

function isSameHost(one: string, other: string): boolean {
  const [a, b] = [one.toLowerCase(), other.toLowerCase()];
  return a === b || [a, b].some((host) => host.includes('*'));
}

function isPrefix(wide: string, narrow: string): boolean {
  return narrow.startsWith('~') || narrow.startsWith(wide);
}
