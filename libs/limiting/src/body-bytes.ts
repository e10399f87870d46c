import type { CompiledRule } from './compiled-rule.ts';

/** Bytes of the bodies of a request, without chunk framing. */
export interface BodyBytes {
  /** Of what the client sends. */
  readonly request: number;
  /** Of what it is sent. */
  readonly response: number;
}

/**
 * Bytes that were taken and never passed; to be told at most once. The store takes them off charges that are no younger
 * than their own.
 */
export interface BytesReturn extends BodyBytes {
  /** When they were taken, by the store's clock. */
  readonly madeMs: number;
}

/** How many bytes a chain takes at once of bodies whose length is not known. */
export interface ByteSteps {
  /** 0: no rule of the chain counts the bytes of requests. */
  readonly request: number;
  /** 0: no rule of the chain counts the bytes of responses. */
  readonly response: number;
  /** What a request without a body takes; one object for all of them, so that they are merged. */
  readonly bodiless: BodyBytes;
}

/** Default of a rule's `reserveBytes`. */
const RESERVE_DEFAULT = 65_536;

/** The steps of a chain: the smallest of its rules, so that each rule can grant one; null if no rule counts bytes. */
export function byteStepsOf(compiled: readonly CompiledRule[]): ByteSteps | null {
  const request = smallestStep(compiled, 'request-bytes');
  const response = smallestStep(compiled, 'response-bytes');
  if (request === 0 && response === 0) return null;
  return { request, response, bodiless: { request: 0, response } };
}

/**
 * What a rule is charged for one request.
 *
 * @param cost of a rule that counts requests; 0 for bytes that are taken later.
 * @param bytes null if no rule of the chain counts bytes.
 * @hot
 */
export function ruleCost({ unit }: CompiledRule, cost: number, bytes: BodyBytes | null): number {
  if (bytes === null || unit === 'requests') return cost;
  return unit === 'request-bytes' ? bytes.request : bytes.response;
}

/** Whether two requests take the same. @hot */
export function equalBytes(one: BodyBytes | null, other: BodyBytes | null): boolean {
  if (one === other) return true;
  if (one === null || other === null) return false;
  return one.request === other.request && one.response === other.response;
}

function smallestStep(compiled: readonly CompiledRule[], unit: CompiledRule['unit']): number {
  let smallest = 0;
  for (const each of compiled) {
    if (each.unit !== unit || (each.kind !== 'window' && each.kind !== 'quota')) continue;
    const { reserveBytes = RESERVE_DEFAULT } = each.rule;
    const step = Math.min(reserveBytes, each.capacity);
    smallest = smallest === 0 ? step : Math.min(smallest, step);
  }
  return smallest;
}
