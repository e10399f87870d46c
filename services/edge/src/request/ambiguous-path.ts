import { PATH_PLAIN, pathReadings, type RequestHead } from '@headgate/http1';
import { localReply, type LocalReply } from './local-reply.ts';

/** Where a path ends for a server that decodes it before it takes the target apart. */
const END_OF_PATH = /[?#]/;

/** A last segment that would be resolved; `/..%3F` is not refused by the codec, which sees no dot segment in it. */
const ENDS_IN_DOTS = /\/\.{1,2}$/;

/**
 * Refuses a request whose path an endpoint may read as another one that belongs elsewhere, such as `/admin;x` or
 * `/admin%3Fx` where `/admin` has a route of its own: what was decided on would not be what is served (ADR 9). Like
 * every 400 it ends the connection. Null, at the cost of one comparison, for paths without escapes and parameters.
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
    if (leadsElsewhere(reading, find, found)) return refuse(head);
    const end = reading.search(END_OF_PATH);
    if (end === -1) continue;
    const shorter = reading.slice(0, end);
    if (ENDS_IN_DOTS.test(shorter) || leadsElsewhere(shorter, find, found)) return refuse(head);
  }
  return null;
}

function leadsElsewhere<Found>(
  reading: string,
  find: (path: string) => Found | null,
  found: Found | null,
): boolean {
  const other = find(reading);
  return other !== null && other !== found;
}

function refuse(head: RequestHead): LocalReply {
  head.persistent = false;
  return localReply('HG_HTTP_MALFORMED', '', 'The path can be read as that of another route.');
}
