const ROUTES = ',"routes":[';
const API_KEYS = ',"apiKeys":[';

/** A tenant's document, taken apart: by far the most changes are of its routes, and all else may be thousands of keys. */
export interface DocumentParts {
  /** Where the member with the routes begins in the text, and where it ends. */
  readonly start: number;
  readonly end: number;
  /** JSON of the routes. */
  readonly routes: unknown;
}

/**
 * Finds the routes where the config-service puts them: `{"tenant":…,"upstreams":…` `,"routes":[…]` `,"apiKeys":[…]}`. In a
 * string the quotes of such a place would be escaped, and what lies between the two places has to be JSON of routes and
 * nothing else. Null if the text is of another form.
 */
export function findRoutes(body: string): DocumentParts | null {
  const end = body.lastIndexOf(API_KEYS);
  const start = end === -1 ? -1 : body.lastIndexOf(ROUTES, end);
  if (start === -1) return null;
  const member = membersOf(`{${body.slice(start + 1, end)}}`, ['routes']);
  return member === null ? null : { start, end, routes: member['routes'] };
}

/** JSON of the whole document, or null if one of its other parts is of another form. */
export function parseParts(body: string, { start, end, routes }: DocumentParts): object | null {
  const first = membersOf(`${body.slice(0, start)}}`, ['tenant', 'upstreams']);
  if (first === null) return null;
  const last = membersOf(`{${body.slice(end + 1)}`, ['apiKeys']);
  return last === null ? null : { ...first, routes, ...last };
}

/** Whether two documents differ in nothing but their routes. */
export function onlyRoutesDiffer(
  before: string,
  partsBefore: DocumentPlaces,
  body: string,
  parts: DocumentPlaces,
): boolean {
  return (
    partsBefore.start === parts.start &&
    before.length - partsBefore.end === body.length - parts.end &&
    before.startsWith(body.slice(0, parts.start)) &&
    before.endsWith(body.slice(parts.end))
  );
}

/** Where the routes are; what is kept of {@link DocumentParts}. */
export type DocumentPlaces = Pick<DocumentParts, 'start' | 'end'>;

/** The object that a text is, if it has exactly these members. */
function membersOf(json: string, keys: readonly string[]): Record<string, unknown> | null {
  try {
    const parsed: unknown = JSON.parse(json);
    if (typeof parsed !== 'object' || parsed === null) return null;
    const found = Object.keys(parsed);
    if (found.length !== keys.length || !keys.every((key) => found.includes(key))) return null;
    return parsed as Record<string, unknown>; // an object, whose keys were just compared
  } catch {
    return null; // the whole text is parsed then, and says what is wrong with it
  }
}
