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

/** What llhttp is known to stop at. */
export const explainLlhttp: ExplainStop = (request, previous, fault) => {
  if (fault === 'HPE_INVALID_METHOD' && !isLlhttpMethod(request.method)) return 'llhttp-method';
  if (previous !== undefined && valuesOf(previous.headers, 'proxy-connection').length > 0) {
    return 'llhttp-proxy-connection';
  }
  if (
    previous !== undefined &&
    fault === null &&
    valuesOf(previous.headers, 'upgrade').length > 0
  ) {
    return 'llhttp-upgrade';
  }
  const framingFault =
    fault === 'HPE_INVALID_CONTENT_LENGTH' || fault === 'HPE_INVALID_TRANSFER_ENCODING';
  const chunked = valuesOf(request.headers, 'transfer-encoding').length > 0;
  return framingFault && chunked ? 'llhttp-trailer' : null;
};

function different(difference: string): Comparison {
  return { difference, justified: null };
}
