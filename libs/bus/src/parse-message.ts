import type { z } from 'zod';

/** A parsed message, or why it is not one. */
export type Parsed<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly reason: 'bad-json' | 'bad-fields' | 'unknown-version' };

const decoder = new TextDecoder('utf-8', { fatal: true });

/**
 * Parses a JSON message from the bus with its schema; never throws. A message whose `v` is a
 * number other than 1 is told apart, since it points at a newer peer and not at a fault.
 * Known fields are copied by the schema, so a `__proto__` key goes nowhere.
 */
export function parseMessage<T>(schema: z.ZodType<T>, bytes: Uint8Array): Parsed<T> {
  const json = parseJson(bytes);
  return json === undefined ? { ok: false, reason: 'bad-json' } : checkMessage(schema, json);
}

/** The value of a JSON text in UTF-8; undefined if it is none. */
export function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(decoder.decode(bytes)) as unknown;
  } catch {
    return undefined;
  }
}

/** What {@link parseMessage} does with the value. */
export function checkMessage<T>(schema: z.ZodType<T>, json: unknown): Parsed<T> {
  const result = schema.safeParse(json);
  if (result.success) return { ok: true, value: result.data };
  const newer =
    typeof json === 'object' &&
    json !== null &&
    'v' in json &&
    typeof json.v === 'number' &&
    json.v !== 1;
  return { ok: false, reason: newer ? 'unknown-version' : 'bad-fields' };
}

const encoder = new TextEncoder();

/** Encodes a message as UTF-8 JSON. */
export function encodeMessage(message: object): Uint8Array {
  return encoder.encode(JSON.stringify(message));
}
