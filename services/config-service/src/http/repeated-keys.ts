/** What JSON allows between tokens. */
const BLANKS = new Set([' ', '\t', '\n', '\r']);

/**
 * The first key that an object has twice, or that is `__proto__`, which objects lose or change by; null if there is none. Of text
 * that is valid JSON. One pass without a regular expression, whose stack a long string would fill; 0.1 µs a character, so
 * {@link surveyJson} tells first whether there is anything to find.
 */
export function findBadKey(text: string): string | null {
  const open: Set<string>[] = [];
  for (let at = 0; at < text.length; at++) {
    const character = text[at];
    if (character === '{') open.push(new Set());
    else if (character === '}') open.pop();
    else if (character === '"') {
      const end = stringEnd(text, at);
      const fault = isKeyEnd(text, end) ? takeKey(text.slice(at, end), open.at(-1), at) : null;
      if (fault !== null) return fault;
      at = end - 1;
    }
  }
  return null;
}

/** Place after the string that begins at `start`. */
function stringEnd(text: string, start: number): number {
  let at = start + 1;
  while (text[at] !== '"') at += text[at] === '\\' ? 2 : 1;
  return at + 1;
}

function isKeyEnd(text: string, end: number): boolean {
  let at = end;
  while (BLANKS.has(text[at] ?? '')) at += 1;
  return text[at] === ':';
}

function takeKey(quoted: string, keys: Set<string> | undefined, offset: number): string | null {
  const key = quoted.includes('\\') ? (JSON.parse(quoted) as string) : quoted.slice(1, -1); // a JSON string
  if (key === '__proto__') return `"__proto__" cannot be a name here (character ${offset + 1})`;
  if (keys?.has(key) === true) {
    return `the key ${quoted} is twice in one object (character ${offset + 1})`;
  }
  keys?.add(key);
  return null;
}
