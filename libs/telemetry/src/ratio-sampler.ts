/** Decides by trace id whether a new trace is recorded. */
export type RatioSampler = (traceId: string) => boolean;

/**
 * Samples the given share of traces by their id, exactly as OpenTelemetry's
 * `TraceIdRatioBasedSampler` does (the XOR of the four 32-bit words against ratio × 2^32), so that
 * all services decide alike.
 *
 * @param ratio 0 to 1; what is outside is moved to the nearer end, NaN to 0.
 */
export function createRatioSampler(ratio: number): RatioSampler {
  const bound = ratioBound(ratio);
  return (traceId) => foldTraceId(traceId) < bound;
}

/** A trace is sampled if the XOR of its id's words is below this number. */
export function ratioBound(ratio: number): number {
  if (!(ratio > 0)) return 0;
  return ratio >= 1 ? 0x1_0000_0000 : Math.floor(ratio * 0xffff_ffff);
}

/** XOR of the four words of a trace id of 32 lower-case hex digits. @hot */
function foldTraceId(traceId: string): number {
  let folded = 0;
  for (let i = 0; i < 32; i += 8) {
    let word = 0;
    for (let j = i; j < i + 8; j += 1) {
      const code = traceId.charCodeAt(j);
      word = (word << 4) | (code < 0x3a ? code - 0x30 : code - 0x57);
    }
    folded ^= word;
  }
  return folded >>> 0;
}
