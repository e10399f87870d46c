/** What the look-up needs to know of an operation. */
interface Route {
  readonly method: string;
  /** With parameters as `{name}`, each one segment. */
  readonly path: string;
}

/**
 * Creates the look-up of the methods that a path has, sorted, for the `Allow` field of a 405 (RFC 9110 section 15.5.6);
 * none for a path that does not exist. Whatever answers GET answers HEAD.
 */
export function createAllowedMethods(routes: readonly Route[]): (path: string) => string[] {
  const known = routes.map(({ method, path }) => ({
    methods: method === 'GET' ? ['GET', 'HEAD'] : [method],
    segments: path.split('/'),
  }));
  return (path) => {
    const asked = path.split('/');
    const found = known.filter(({ segments }) => fits(segments, asked));
    return [...new Set(found.flatMap(({ methods }) => methods))].sort();
  };
}

function fits(segments: readonly string[], asked: readonly string[]): boolean {
  if (segments.length !== asked.length) return false;
  return segments.every((segment, index) =>
    segment.startsWith('{') ? asked[index] !== '' : asked[index] === segment,
  );
}
