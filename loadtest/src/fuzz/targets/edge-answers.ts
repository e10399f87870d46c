import type { CodecReading } from '../read/codec-reader.ts';
import { differenceOf, valuesOf, type ReadRequest } from '../read/read-request.ts';
import { readResponse, type ReadResponse } from '../read/strict-reader.ts';
import { TENANT_HOSTS } from '../rig/edge-rig.ts';
import type { RawAnswer } from '../rig/raw-exchange.ts';
import { ECHO_HEADER, type RecordedRequest } from '../rig/recorder.ts';

/** Fields that the edge sets, and of which exactly one value may arrive. */
const SET_ONCE = [
  'x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host', 'x-request-id', 'x-tenant-id', 'host',
]; // prettier-ignore

/** Hop-by-hop fields, which never pass, unless the edge sets them itself for a WebSocket. */
const HOP_BY_HOP = [
  'te', 'trailer', 'keep-alive', 'proxy-connection', 'proxy-authorization', 'http2-settings',
  'proxy-authenticate',
]; // prettier-ignore

/** Names that a backend may fold into a framing or identity field. */
const ALIAS = /^(?:content_length|transfer_encoding|x_tenant_id|x-tenant_id|x_tenant-id)$/i;

/** Requests with these the edge may answer itself. */
const SPECIAL = ['expect', 'max-forwards', 'upgrade'];

/**
 * Checks what became of one connection: `reading` is what the bytes say, `arrived` what reached the backend, `answer`
 * what the client got. Returns what is wrong, or null.
 */
export function checkConnection(
  reading: CodecReading,
  arrived: readonly RecordedRequest[],
  answer: RawAnswer,
  address: string,
): string | null {
  if (answer.ending === 'hung') return 'the connection does not end';
  const answers = readAnswers(answer, reading.requests);
  if (typeof answers === 'string') return answers;
  return (
    checkArrived(reading.requests, arrived, address) ??
    checkOrder(reading, arrived, answers) ??
    checkCount(reading, answers)
  );
}

/** Every answer, read strictly; a text tells what is no answer. */
function readAnswers(
  { text, ending }: RawAnswer,
  requests: readonly ReadRequest[],
): ReadResponse[] | string {
  const answers: ReadResponse[] = [];
  for (let at = 0; at < text.length;) {
    const method = requests[answers.length]?.method;
    let read = readResponse(text, at, method ?? 'GET', false);
    // A HEAD that was refused in its head is no request to us, but may be known as HEAD to the edge.
    if (read === 'incomplete' && method === undefined) read = readResponse(text, at, 'HEAD', false);
    if (read === 'incomplete')
      return ending === 'reset' ? answers : 'an answer is cut short, without RST';
    if ('fault' in read) return `an answer is malformed: ${read.fault}`;
    if (read.value.status >= 200) answers.push(read.value);
    at = read.end;
  }
  return answers;
}

/** What arrived is, in this order, what the bytes say, for a tenant, with the edge's own fields. */
function checkArrived(
  requests: readonly ReadRequest[],
  arrived: readonly RecordedRequest[],
  address: string,
): string | null {
  let next = 0;
  for (const request of arrived) {
    while (next < requests.length && !isSame(requests[next], request)) next++;
    if (next === requests.length) {
      return `the backend got a request that was never sent: ${JSON.stringify(request.raw)}`;
    }
    next++;
    const wrong = checkFields(request, address);
    if (wrong !== null) return `${wrong} in ${JSON.stringify(request.raw)}`;
  }
  return null;
}

function isSame(sent: ReadRequest | undefined, arrived: ReadRequest): boolean {
  return sent !== undefined && differenceOf(sent, arrived) === null;
}

function checkFields({ headers, host }: ReadRequest, address: string): string | null {
  for (const name of SET_ONCE) {
    if (valuesOf(headers, name).length !== 1) return `not exactly one ${name}`;
  }
  for (const name of HOP_BY_HOP) {
    if (valuesOf(headers, name).length !== 0) return `hop-by-hop ${name}`;
  }
  const tenant = valuesOf(headers, 'x-tenant-id')[0];
  if (!isTenantHost(host) || !host.startsWith(tenant ?? ' '))
    return `tenant ${tenant} for host ${host}`;
  if (valuesOf(headers, 'x-forwarded-for')[0] !== address) return 'another X-Forwarded-For';
  const alias = headers.find(([name]) => ALIAS.test(name));
  return alias === undefined ? null : `alias ${alias[0]}`;
}

/** Answer i belongs to request i: the backend's own, or a local reply where nothing was forwarded. */
function checkOrder(
  reading: CodecReading,
  arrived: readonly RecordedRequest[],
  answers: readonly ReadResponse[],
): string | null {
  let forwarded = 0;
  for (const [i, answer] of answers.entries()) {
    const request = reading.requests[i];
    const [echo] = valuesOf(answer.headers, ECHO_HEADER);
    if (echo === undefined) {
      const wrong = checkLocalReply(answer, request, reading);
      if (wrong !== null) return `answer ${i}: ${wrong}`;
      continue;
    }
    const origin = arrived[forwarded++];
    if (origin?.id !== echo) return `answer ${i} is for ${echo}, not for ${origin?.id}`;
    if (valuesOf(answer.headers, 'x-request-id')[0] !== echo) return `answer ${i} has another id`;
    if (!isSame(request, origin)) return `answer ${i} belongs to another request`;
  }
  return null;
}

/** A well-formed request for a tenant is forwarded, unless it is one that the edge answers itself. */
function checkLocalReply(
  { status }: ReadResponse,
  request: ReadRequest | undefined,
  { fault, end }: CodecReading,
): string | null {
  if (request === undefined) {
    if (fault !== null)
      return status === fault.status || status === 404 ? null : `${status}, not ${fault.status}`;
    return end === 'in body' && status < 500 ? null : `${status} for no request`;
  }
  if (status >= 500) return `${status} while the backend is well`;
  const special = SPECIAL.some((name) => valuesOf(request.headers, name).length > 0);
  if (request.target === '*' || special || !isTenantHost(request.host)) return null;
  return `${status} for a request that should be forwarded`;
}

/** Nothing stays unanswered, unless the edge said that it closes, or the client cut a request short. */
function checkCount(
  { requests, fault, end }: CodecReading,
  answers: readonly ReadResponse[],
): string | null {
  if (end === 'in body' && fault === null) return null;
  const expected = requests.length + (fault === null ? 0 : 1);
  if (answers.length === expected) return null;
  const last = answers.at(-1);
  if (answers.length < expected && last?.persistent === false) {
    return valuesOf(last.headers, ECHO_HEADER).length === 0
      ? null
      : 'the edge closed behind a good answer';
  }
  return `${answers.length} answers, not ${expected}`;
}

function isTenantHost(host: string): boolean {
  return TENANT_HOSTS.includes(host.replace(/:\d+$/, ''));
}
