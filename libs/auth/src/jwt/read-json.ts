/** Objects in objects: claims have two or three levels. */
const DEPTH_MAX = 32;

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** A JSON object, by its own keys only. */
export type JsonObject = Readonly<Record<string, unknown>>;

/**
 * Reads a JSON object, in which each name stands once at each level: of two values one reader takes the first, another one the last
 * (RFC 8725, section 2.4; RFC 7519, section 4). Null for anything else.
 *
 * @param bytes UTF-8, without a byte order mark.
 */
export function readJsonObject(bytes: Uint8Array): JsonObject | null {
  let text: string;
  let value: unknown;
  try {
    text = UTF8.decode(bytes);
    value = JSON.parse(text);
  } catch {
    return null;
  }
  return isJsonObject(value) && hasUniqueNames(text) ? value : null;
}

/** Whether a value that was parsed is an object, and no array. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Whether JSON text, which is known to be well-formed, names nothing twice within an object. */
function hasUniqueNames(text: string): boolean {
  /** Names of the objects that are open, the innermost last; null for an array. */
  const open: (Set<string> | null)[] = [];
  let at = 0;
  while (at < text.length) {
    const char = text[at];
    if (char === '"') {
      const end = endOfString(text, at);
      const names = open.at(-1);
      if (names !== null && names !== undefined && isName(text, end)) {
        const name = JSON.parse(text.slice(at, end)) as string; // a string begins and ends here
        if (names.has(name)) return false;
        names.add(name);
      }
      at = end;
      continue;
    }
    if (char === '{' || char === '[') {
      if (open.length === DEPTH_MAX) return false;
      open.push(char === '{' ? new Set() : null);
    } else if (char === '}' || char === ']') {
      open.pop();
    }
    at += 1;
  }
  return true;
}

/** Where the string ends that begins at `start`, after its quote. */
function endOfString(text: string, start: number): number {
  let at = start + 1;
  while (text[at] !== '"') at += text[at] === '\\' ? 2 : 1;
  return at + 1;
}

/** Whether a colon follows: what stands before it was a name. */
function isName(text: string, end: number): boolean {
  let at = end;
  while (' \t\n\r'.includes(text[at] ?? '.')) at += 1;
  return text[at] === ':';
}
