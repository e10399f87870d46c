import { isLlhttpMethod } from '../read/llhttp-reader.ts';
import { differenceOf, valuesOf, type ReadRequest, type ReadStream } from '../read/read-request.ts';
import type { JustifiedId } from './justified.ts';

/** Result of a comparison. */
export interface Comparison {
  /** What differs without a reason; null for nothing. */
  readonly difference: string | null;
  /** The known difference at which the comparison ended. */
  readonly justified: JustifiedId | null;
}

/** Explains why another parser stopped before `request`, which follows `previous`; null if nothing does. */
export type ExplainStop = (
  request: ReadRequest,
  previous: ReadRequest | undefined,
  fault: string | null,
) => JustifiedId | null;

const SAME: Comparison = { difference: null, justified: null };

/** Compares what the codec read with what another parser made of the same bytes. */
export function compareStreams(
  ours: readonly ReadRequest[],
  theirs: ReadStream,
  options: {
    readonly who: string;
    /** The other side must see nothing beyond; otherwise it may accept more, as the codec is stricter. */
    readonly exact: boolean;
    readonly explain?: ExplainStop;
  },
): Comparison {
  const { who, exact, explain } = options;
  const why = theirs.fault === null ? '' : ` (${theirs.fault})`;
  for (const [i, request] of ours.entries()) {
    const other = theirs.requests[i];
    if (other === undefined) {
      const justified = explain?.(request, ours[i - 1], theirs.fault) ?? null;
      if (justified !== null) return { difference: null, justified };
      return different(`${who} sees ${theirs.requests.length} requests${why}, not ${ours.length}`);
    }
    const difference = differenceOf(request, other);
    if (difference !== null) return different(`${who}: request ${i}: ${difference}`);
  }
  if (!exact || (theirs.requests.length === ours.length && theirs.fault === null)) return SAME;
  return different(`${who} sees ${theirs.requests.length} requests${why}, not ${ours.length}`);
}

/** What llhttp is known to stop at in requests that an edge has sent on: no trailers, no field that is not standard. */
export const explainLlhttp: ExplainStop = (request, previous, fault) => {
  if (fault === 'HPE_INVALID_METHOD' && !isLlhttpMethod(request.method)) return 'llhttp-method';
  return fault === null && has(previous, 'upgrade') ? 'llhttp-upgrade' : null;
};

/** What it is known to stop at, beyond that, in requests as clients send them. */
export const explainLlhttpAtClient: ExplainStop = (request, previous, fault) => {
  if (has(previous, 'proxy-connection')) return 'llhttp-proxy-connection';
  if (fault !== null && TRAILER_FAULTS.has(fault) && has(request, 'transfer-encoding')) {
    return 'llhttp-trailer';
  }
  // `Connection: close` among the trailers of the request before; a fault in those of an upgrade,
  // which it keeps to itself.
  if (fault === 'HPE_CLOSED_CONNECTION' && has(previous, 'transfer-encoding'))
    return 'llhttp-trailer';
  if (fault === null && has(request, 'upgrade') && has(request, 'transfer-encoding')) {
    return 'llhttp-trailer';
  }
  return explainLlhttp(request, previous, fault);
};

const TRAILER_FAULTS = new Set(['HPE_INVALID_CONTENT_LENGTH', 'HPE_INVALID_TRANSFER_ENCODING']);

function has(request: ReadRequest | undefined, lowerName: string): boolean {
  return request !== undefined && valuesOf(request.headers, lowerName).length > 0;
}

function different(difference: string): Comparison {
  return { difference, justified: null };
}
