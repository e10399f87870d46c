/** Entity tag of a revision (RFC 9110 section 8.8.3), a strong one. */
export function formatEtag(revision: number): string {
  return `"${revision}"`;
}

/** What `If-Match` or `If-None-Match` asks for: anything, or one of these opaque tags. */
export type EtagCondition =
  { readonly any: true } | { readonly any: false; readonly tags: readonly EntityTag[] };

/** One entity tag of a list. */
export interface EntityTag {
  readonly weak: boolean;
  /** Without the quotes. */
  readonly opaque: string;
}

const LIST = /^[ \t]*(?:W\/)?"[!#-~]*"[ \t]*(?:,[ \t]*(?:W\/)?"[!#-~]*"[ \t]*){0,99}$/;

/** Parses the header's value; null if it is not `*` or a list of at most 100 entity tags. */
export function parseEtagCondition(value: string): EtagCondition | null {
  if (value.trim() === '*') return { any: true };
  if (!LIST.test(value)) return null;
  const tags = Array.from(value.matchAll(/(W\/)?"([!#-~]*)"/g), (match) => ({
    weak: match[1] !== undefined,
    opaque: match[2] ?? '',
  }));
  return { any: false, tags };
}

/** Conditions of a request; null where the header is absent. */
export interface Preconditions {
  readonly ifMatch: EtagCondition | null;
  readonly ifNoneMatch: EtagCondition | null;
}

/**
 * Why the conditions do not hold for a resource at `revision` (null: there is none), or null if they
 * do. `If-Match` compares strongly, so that a weak tag never matches (RFC 9110 section 13.1.1).
 */
export function failedPrecondition(
  { ifMatch, ifNoneMatch }: Preconditions,
  revision: number | null,
): string | null {
  if (ifMatch !== null) {
    if (revision === null) return 'If-Match: the resource does not exist';
    if (!ifMatch.any && !ifMatch.tags.some((tag) => !tag.weak && tag.opaque === String(revision))) {
      return `If-Match: the resource is at revision ${revision}; read it again and repeat the change`;
    }
  }
  if (ifNoneMatch !== null && revision !== null && matchesWeakly(ifNoneMatch, revision)) {
    return `If-None-Match: the resource exists, at revision ${revision}`;
  }
  return null;
}

/** Whether a client that sent `If-None-Match` has this revision already (weak comparison). */
export function matchesWeakly(condition: EtagCondition, revision: number): boolean {
  return condition.any || condition.tags.some((tag) => tag.opaque === String(revision));
}
