import type { Readable } from 'node:stream';
import { errorCodes, type FastifyInstance, type FastifyRequest } from 'fastify';
import { countMembers, surveyJson } from './json-survey.ts';
import { findBadKey } from './repeated-keys.ts';

/** The deepest valid body, a bundle, has about ten levels. */
const LEVELS_MAX = 32;
const decoder = new TextDecoder('utf-8', { fatal: true });

/** What is wrong with a body; `statusCode` is what the client gets. */
class BodyError extends Error {
  readonly statusCode: number;

  constructor(statusCode: number, message: string, options: ErrorOptions = {}) {
    super(message, options);
    this.name = 'BodyError';
    this.statusCode = statusCode;
  }
}

/** What somebody may send, beside what operations take. */
export interface BodyBounds {
  readonly bytesMax: number;
  /**
   * Keys in all objects, as they are what parsing takes its time for: 2 µs each. As many objects and lists, 0.3 µs each: only those
   * that are empty or in lists of their own are more than the keys of anything valid.
   */
  readonly keysMax: number;
}

/**
 * Makes an API read JSON bodies strictly: what {@link parseStrictJson} refuses gets 400. Nothing else is read.
 *
 * @param boundsOf those of whoever asks; null: none.
 */
export function readJsonBodies(
  app: FastifyInstance,
  boundsOf: (request: FastifyRequest) => BodyBounds | null,
): void {
  app.removeAllContentTypeParsers();
  // The stream itself: it is touched here alone, so what Fastify refuses unread stays as it came, for Node to drop.
  app.addContentTypeParser('application/json', async (request: FastifyRequest, body: Readable) => {
    const bounds = boundsOf(request);
    const { bodyLimit } = request.routeOptions;
    const length = Number(request.headers['content-length'] ?? 0);
    if (length > bodyLimit) throw new errorCodes.FST_ERR_CTP_BODY_TOO_LARGE();
    const bytes = await readBytes(body, bounds?.bytesMax ?? Infinity, bodyLimit);
    const { 'content-encoding': encoding = 'identity' } = request.headers;
    if (encoding !== 'identity') throw new BodyError(415, 'bodies are not decompressed here');
    if (bytes.length > 0) return parseStrictJson(bytes, bounds?.keysMax);
    throw new BodyError(400, 'the body is empty; without one, leave Content-Type out');
  });
}

/**
 * Reads a body of at most so many bytes. Of a longer one the rest is read, counted and dropped, so that it takes no memory and
 * its sender reads why it is refused: a connection that is closed on a sender may lose the answer.
 *
 * @param bytesReadMax of a longer one no more is read than this, whether its sender then gets to see the answer or not.
 */
function readBytes(body: Readable, bytesMax: number, bytesReadMax: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let received = 0;
    const end = (error: Error | null): void => {
      body.off('data', onData).off('end', onEnd).off('error', onError);
      body.resume(); // what follows is dropped
      if (error === null) resolve(Buffer.concat(chunks, received));
      else reject(error);
    };
    const onData = (chunk: Buffer): void => {
      received += chunk.length;
      if (received > bytesReadMax) end(new errorCodes.FST_ERR_CTP_BODY_TOO_LARGE());
      else if (received > bytesMax) chunks.length = 0;
      else chunks.push(chunk);
    };
    const onEnd = (): void =>
      end(received > bytesMax ? refusal('bytes', received, bytesMax) : null);
    const onError = (cause: Error): void =>
      end(new BodyError(400, 'the connection ended before the body', { cause }));
    if (body.destroyed) onError(new Error('it had ended before anybody read'));
    else body.on('data', onData).on('end', onEnd).on('error', onError);
  });
}

/**
 * Parses JSON as RFC 7493 (I-JSON) wants it: UTF-8, and each key of an object once. A second one would win without a word.
 *
 * @param keysMax see {@link BodyBounds}; looked at before anything is parsed.
 * @throws BodyError that names the fault; also for a key `__proto__`, which objects lose or change by, and for JSON nested deeper
 * than anything valid: code that follows it recursively (schemas, `JSON.stringify`) would run out of stack.
 */
export function parseStrictJson(bytes: Uint8Array, keysMax = Infinity): unknown {
  const { keys, containers, levels } = surveyJson(bytes);
  if (keys > keysMax) throw refusal('keys', keys, keysMax);
  if (containers > keysMax) throw refusal('objects and lists', containers, keysMax);
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
  if (levels > LEVELS_MAX) throw new BodyError(400, 'the body is nested too deeply');
  if (countMembers(value) < keys) {
    const fault = findBadKey(text);
    if (fault !== null) throw new BodyError(400, fault);
  }
  return value;
}

function refusal(what: string, count: number, most: number): BodyError {
  const rule = `a credential for some tenants may send at most ${most}`;
  return new BodyError(413, `the body has ${count} ${what}; ${rule}: send fewer tenants at a time`);
}
