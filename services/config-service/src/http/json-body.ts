import { finished, Transform, type TransformCallback } from 'node:stream';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { countMembers, surveyJson } from './json-survey.ts';
import { findBadKey } from './repeated-keys.ts';

/** The deepest valid body, a bundle, has about ten levels. */
const LEVELS_MAX = 32;
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
  app.addHook('preParsing', async (request, _reply, payload) => {
    const bounds = request.headers['content-type'] === undefined ? null : boundsOf(request);
    if (bounds === null) return payload;
    const bounded = new BoundedBody(bounds.bytesMax, request.routeOptions.bodyLimit);
    // Who reads the body hears of it; nobody does if Fastify refuses it for its Content-Length.
    bounded.on('error', () => {});
    // No pipeline: it would end the connection of a body that is refused, and the answer with it.
    finished(payload, (error) => error && bounded.destroy(error));
    payload.pipe(bounded);
    return bounded;
  });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(
    'application/json',
    { parseAs: 'buffer' },
    async (request: FastifyRequest, bytes: Buffer) => {
      const { 'content-encoding': encoding = 'identity' } = request.headers;
      if (encoding !== 'identity') throw new BodyError(415, 'bodies are not decompressed here');
      if (bytes.length > 0) return parseStrictJson(bytes, boundsOf(request)?.keysMax);
      throw new BodyError(400, 'the body is empty; without one, leave Content-Type out');
    },
  );
}

/**
 * A body of at most so many bytes. Of a longer one the rest is read, counted and dropped, so that it takes no memory and its
 * sender reads why it is refused: a connection that is closed on a sender may lose the answer.
 */
class BoundedBody extends Transform {
  receivedEncodedLength = 0;
  readonly #bytesMax: number;
  readonly #bytesReadMax: number;

  /** @param bytesReadMax of a longer one no more is read than this, whether its sender then gets to see the answer or not. */
  constructor(bytesMax: number, bytesReadMax: number) {
    super();
    this.#bytesMax = bytesMax;
    this.#bytesReadMax = bytesReadMax;
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.receivedEncodedLength += chunk.length;
    if (this.receivedEncodedLength <= this.#bytesMax) done(null, chunk);
    else if (this.receivedEncodedLength <= this.#bytesReadMax) done();
    else this._flush(done);
  }

  override _flush(done: TransformCallback): void {
    const isOver = this.receivedEncodedLength > this.#bytesMax;
    done(isOver ? refusal('bytes', this.receivedEncodedLength, this.#bytesMax) : null);
  }
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
