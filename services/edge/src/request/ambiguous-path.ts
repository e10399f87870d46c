import { PATH_PLAIN, pathReadings, type RequestHead } from '@headgate/http1';
import { localReply, type LocalReply } from './local-reply.ts';

/**
 * Refuses a request whose path an endpoint may read as another one that belongs elsewhere, such as `/admin;x` where
 * `/admin` has a route of its own: what was decided on would not be what is served (ADR 9). Like every 400 it ends the
 * connection. Null, at the cost of one comparison, for paths without escapes and parameters.
 *
 * @param find what the decision is, for a path; null for none: nothing can be dodged there.
 * @param found the decision for the path as it is.
 * @hot
 */
export function refuseAmbiguousPath<Found>(
  head: RequestHead,
  find: (path: string) => Found | null,
  found: Found | null,
): LocalReply | null {
  if (head.pathFlags === PATH_PLAIN) return null;
  for (const reading of pathReadings(head.path)) {
    const other = find(reading);
    if (other === null || other === found) continue;
    head.persistent = false;
    return localReply('HG_HTTP_MALFORMED', '', 'The path can be read as that of another route.');
  }
  return null;
}
