import {
  HeaderSet,
  IDENTITY_NAMES,
  IDENTITY_PREFIXES,
  writeRequestHead,
  type RequestHead,
} from '@headgate/http1';
import type { CompiledRoute } from '../snapshot/compile-tenant.ts';
import { maxForwards } from './max-forwards.ts';
import type { RequestContext } from './request-context.ts';
import { joinedValues, viaLineAndIdName } from './via.ts';
import { asksForWebSocket } from './web-socket.ts';

/** Header fields that the edge handles itself. */
export interface ForwardingRules {
  /** From clients, who may say nothing about who calls. */
  readonly client: DroppedFields;
  /** From trusted sources: what they add beyond what the edge sets, such as `X-Forwarded-User`, goes on. */
  readonly trusted: DroppedFields;
}

/** Fields of a request that do not go on. */
export interface DroppedFields {
  readonly dropped: HeaderSet;
  /** The same and `Authorization`, for requests whose bearer token was a Headgate key. */
  readonly droppedWithAuthorization: HeaderSet;
  /** The two for OPTIONS, whose `Max-Forwards` is counted down. */
  readonly droppedFromOptions: HeaderSet;
  readonly droppedFromOptionsWithAuthorization: HeaderSet;
}

/** Compiles the rules for the tenant header in use. */
export function compileForwardingRules(tenantHeader: string): ForwardingRules {
  const own = [
    ...new Set([
      'forwarded',
      'traceparent',
      'via',
      'x-api-key',
      'x-consumer',
      'x-forwarded-for',
      'x-forwarded-host',
      'x-forwarded-port',
      'x-forwarded-proto',
      'x-real-ip',
      'x-request-id',
      'x-tenant-id',
      tenantHeader,
    ]),
  ];
  return {
    client: compileDropped([...new Set([...own, ...IDENTITY_NAMES])], IDENTITY_PREFIXES),
    trusted: compileDropped(own, []),
  };
}

function compileDropped(names: readonly string[], prefixes: readonly string[]): DroppedFields {
  const withThese = (...more: readonly string[]) => new HeaderSet([...names, ...more], prefixes);
  return {
    dropped: withThese(),
    droppedWithAuthorization: withThese('authorization'),
    droppedFromOptions: withThese('max-forwards'),
    droppedFromOptionsWithAuthorization: withThese('authorization', 'max-forwards'),
  };
}

/**
 * The head that goes to the endpoint. What a client could have spoofed is dropped first and set by the edge after that,
 * so exactly one value of each arrives (a `Connection` nomination cannot remove it either).
 *
 * @param traceparent value for this attempt; '' for none.
 * @hot
 */
export function writeForwardedHead(
  context: RequestContext,
  route: Pick<CompiledRoute, 'strippedChars'>,
  rules: ForwardingRules,
  traceparent: string,
): string {
  const { head, principal } = context;
  // A JWT goes on: backends read its claims.
  const usedAuthorization =
    principal !== null && principal.token === null && head.indexOf('x-api-key') === -1;
  const host = head.hostPort === '' ? head.host : head.host + head.hostPort;
  let append =
    (context.tenant === null ? '' : context.tenant.identityLine) +
    (context.trustedSource ? forwardedLines(context) : ownForwardedLines(context)) +
    host +
    '\r\n' +
    viaLineAndIdName(head, head.minorVersion) +
    context.requestId +
    (traceparent === '' ? '\r\n' : '\r\ntraceparent: ' + traceparent + '\r\n');
  const countsForwards = head.method === 'OPTIONS';
  if (countsForwards) append += maxForwardsLine(head);
  if (asksForWebSocket(head)) append += 'Connection: upgrade\r\nUpgrade: websocket\r\n';
  return writeRequestHead(
    head,
    forwardedTarget(head, route),
    host,
    droppedFrom(
      context.trustedSource ? rules.trusted : rules.client,
      usedAuthorization,
      countsForwards,
    ),
    append,
  );
}

/** @hot */
function droppedFrom(
  fields: DroppedFields,
  usedAuthorization: boolean,
  countsForwards: boolean,
): HeaderSet {
  if (usedAuthorization) {
    return countsForwards
      ? fields.droppedFromOptionsWithAuthorization
      : fields.droppedWithAuthorization;
  }
  return countsForwards ? fields.droppedFromOptions : fields.dropped;
}

/** One less than was received; the route stage has answered a request that was at 0. */
function maxForwardsLine(head: RequestHead): string {
  const before = maxForwards(head);
  return before === null ? '' : `Max-Forwards: ${before - 1}\r\n`;
}

function forwardedTarget(
  head: RequestHead,
  { strippedChars }: Pick<CompiledRoute, 'strippedChars'>,
): string {
  if (strippedChars === 0) return head.target;
  const rest = head.target.slice(strippedChars);
  return rest.startsWith('/') ? rest : `/${rest}`;
}

/** Of a client that may not say anything about others: the same for all requests of its connection. @hot */
function ownForwardedLines(context: RequestContext): string {
  if (context.forwardedLines === '') {
    // One flat text: joined pieces would be walked through with every request.
    const lines = Buffer.from(linesOf(context.clientIp, schemeOf(context)), 'latin1');
    context.forwardedLines = lines.toString('latin1');
  }
  return context.forwardedLines;
}

/** Of the connection of the client. */
function schemeOf({ tls }: RequestContext): 'http' | 'https' {
  return tls === null ? 'http' : 'https';
}

/** From `X-Forwarded-For` up to the value of `X-Forwarded-Host`. */
function linesOf(addresses: string, proto: string): string {
  return `X-Forwarded-For: ${addresses}\r\nX-Forwarded-Proto: ${proto}\r\nX-Forwarded-Host: `;
}

/** What a trusted source says goes on, with its own address added. */
function forwardedLines(context: RequestContext): string {
  const { head, clientIp } = context;
  const before = joinedValues(head, 'x-forwarded-for');
  const said = head.get('x-forwarded-proto');
  const proto = said === null ? schemeOf(context) : said === 'https' ? 'https' : 'http';
  return linesOf(before === null ? clientIp : `${before}, ${clientIp}`, proto);
}
