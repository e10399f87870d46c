import type { FastifyInstance } from 'fastify';

/** What JSON allows between tokens. */
const BLANKS = new Set([' ', '\t', '\n', '\r']);
const decoder = new TextDecoder('utf-8', { fatal: true });

/** What is wrong with a body; `statusCode` is what the client gets. */
class BodyError extends Error {
  readonly statusCode: number;

  constructor(statusCode: number, message: string) {
    super(message);
    this.name = 'BodyError';
    this.statusCode = statusCode;
  }
}

/**
 * Makes an API read JSON bodies strictly: what {@link parseStrictJson} refuses gets 400. Nothing else is read.
 */
export function readJsonBodies(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(
    'application/json',
    { parseAs: 'buffer' },
    async ({ headers }: { readonly headers: NodeJS.Dict<string | string[]> }, bytes: Buffer) => {
      const { 'content-encoding': encoding = 'identity' } = headers;
      if (encoding !== 'identity') throw new BodyError(415, 'bodies are not decompressed here');
      if (bytes.length > 0) return parseStrictJson(bytes);
      throw new BodyError(400, 'the body is empty; without one, leave Content-Type out');
    },
  );
}

/**
 * Parses JSON as RFC 7493 (I-JSON) wants it: UTF-8, and each key of an object once. A second one would win without a word.
 *
 * @throws BodyError that names the fault; also for a key `__proto__`, which objects lose or change by.
 */
export function parseStrictJson(bytes: Uint8Array): unknown {
  let text: string;
  try {
    text = decoder.decode(bytes);
  } catch {
    throw new BodyError(400, 'the body is not UTF-8');
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new BodyError(400, `the body is not valid JSON: ${reason}`);
  }
  checkKeys(text);
  return value;
}

/** Of text that is valid JSON. One pass without a regular expression, whose stack a long string would fill. */
function checkKeys(text: string): void {
  const open: Set<string>[] = [];
  for (let at = 0; at < text.length; at++) {
    const character = text[at];
    if (character === '{') open.push(new Set());
    else if (character === '}') open.pop();
    else if (character === '"') {
      const end = stringEnd(text, at);
      if (isKeyEnd(text, end)) checkKey(text.slice(at, end), open.at(-1), at);
      at = end - 1;
    }
  }
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

function checkKey(quoted: string, keys: Set<string> | undefined, offset: number): void {
  const key = quoted.includes('\\') ? (JSON.parse(quoted) as string) : quoted.slice(1, -1); // a JSON string
  if (key === '__proto__') {
    throw new BodyError(400, `"__proto__" cannot be a name here (character ${offset + 1})`);
  }
  if (keys?.has(key) === true) {
    throw new BodyError(400, `the key ${quoted} is twice in one object (character ${offset + 1})`);
  }
  keys?.add(key);
}
