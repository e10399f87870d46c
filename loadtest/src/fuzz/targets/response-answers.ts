import type { ResponseInput } from '../generate/response-input.ts';
import { readResponse, type ReadResponse } from '../read/strict-reader.ts';
import { probeBody } from '../rig/hostile-backend.ts';
import type { RawAnswer } from '../rig/raw-exchange.ts';

/** What the client got for its request. */
export interface ClientView {
  /** The final response; null if there is none that is whole. */
  readonly first: ReadResponse | null;
  /** How many bytes it takes, interim responses included; without one, all there are. */
  readonly firstBytes: number;
  /** What is wrong; null for nothing. */
  readonly wrong: string | null;
}

/**
 * Checks what the client got for a request and the probe behind it, both on one connection, while the backend answered
 * `input` (`served` times).
 *
 * @param probe number of the probe; null if none was sent.
 */
export function checkAnswers(
  probe: number | null,
  input: ResponseInput,
  served: number,
  answer: RawAnswer,
): ClientView {
  const firstBytes = answer.text.length;
  if (answer.ending === 'hung')
    return { first: null, firstBytes, wrong: 'the connection does not end' };
  const ended = answer.ending === 'ended';
  const read = readFinal(answer.text, 0, input.method, ended);
  if (typeof read === 'string')
    return { first: null, firstBytes, wrong: `the client got no HTTP: ${read}` };
  if (read === null) {
    // Nothing at all is an answer to nobody; a part of one must end in RST.
    if (ended)
      return { first: null, firstBytes, wrong: 'a response is cut short, or missing, without RST' };
    const whole = served > 0 && input.meaning.state === 'complete' && input.ending !== 'reset';
    return { first: null, firstBytes, wrong: whole ? 'a good response was cut' : null };
  }
  const wrong = checkFirst(read.value, input, served) ?? checkProbe(probe, input, read, answer);
  return { first: read.value, firstBytes: read.end, wrong };
}

type FinalResponse = { readonly value: ReadResponse; readonly end: number };

function readFinal(
  text: string,
  start: number,
  method: string,
  ended: boolean,
): FinalResponse | string | null {
  for (let at = start; ;) {
    const read = readResponse(text, at, method, ended);
    if (read === 'incomplete') return null;
    if ('fault' in read) return read.fault;
    if (read.value.status >= 200) return read;
    if (read.value.status === 101) return '101';
    at = read.end;
  }
}

function checkFirst(
  first: ReadResponse,
  { meaning, method, ending }: ResponseInput,
  served: number,
): string | null {
  const gateway = first.status === 502 || first.status === 503 || first.status === 504;
  if (gateway && isProblem(first)) {
    const good = served > 0 && meaning.state === 'complete' && ending !== 'reset';
    return good ? `${first.status} for a good response` : null;
  }
  if (served === 0) return `${first.status} that the backend never sent`;
  if (meaning.state !== 'complete')
    return `${first.status} for a response that is ${meaning.state}`;
  if (first.status !== meaning.status) return `${first.status}, not ${meaning.status}`;
  return method === 'HEAD' || first.body === meaning.body ? null : 'another body';
}

function isProblem({ headers }: ReadResponse): boolean {
  return headers.some(
    ([name, value]) =>
      name.toLowerCase() === 'content-type' && value === 'application/problem+json',
  );
}

/** The request behind it gets its own answer, unless the connection ended first. */
function checkProbe(
  number: number | null,
  { clientMinor }: ResponseInput,
  first: FinalResponse,
  { text, ending }: RawAnswer,
): string | null {
  if (
    number === null ||
    clientMinor === 0 ||
    !first.value.persistent ||
    first.value.closeDelimited
  ) {
    return first.end === text.length ? null : 'bytes behind the last response';
  }
  const probe = readFinal(text, first.end, 'GET', false);
  if (probe === null) return ending === 'reset' ? null : 'the probe is not answered';
  if (typeof probe === 'string') return `the answer to the probe is no HTTP: ${probe}`;
  if (probe.value.body !== probeBody(number)) return `the probe got ${JSON.stringify(probe.value)}`;
  return probe.end === text.length ? null : 'bytes behind the probe';
}
