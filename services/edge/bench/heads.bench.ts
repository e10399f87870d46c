// The heads that an edge writes for each request, joined and copied as a write to a socket does it:
// node services/edge/bench/heads.bench.ts. Prints the best of many short rounds, as the machine is rarely idle.
import { Buffer } from 'node:buffer';
import process from 'node:process';
import { RequestParser, ResponseParser } from '@headgate/http1';
import { compileForwardingRules, writeForwardedHead } from '../src/request/forwarded-head.ts';
import { connectionLine, localReply, writeLocalReply } from '../src/request/local-reply.ts';
import { RequestContext } from '../src/request/request-context.ts';
import { framingFor, writeReturnedHead } from '../src/request/returned-head.ts';

const CALLS_PER_ROUND = 2000;
const ROUNDS = 400;
const DATE_LINE = 'Date: Sat, 21 Nov 2026 03:00:00 GMT\r\n';
const LIMIT_LINES =
  'RateLimit-Policy: "per-second";q=100;w=1\r\nRateLimit: "per-second";r=99;t=1\r\n';
const TRACEPARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00';

const requestBytes = Buffer.from(
  'GET /api/v1/orders/4711?expand=items HTTP/1.1\r\nHost: shop.example.com\r\n' +
    'User-Agent: load/1.0 (linux; x64)\r\nAccept: application/json\r\nAccept-Encoding: gzip, br\r\n' +
    'X-Forwarded-For: 10.1.2.3\r\nConnection: keep-alive\r\n\r\n',
);
const responseBytes = Buffer.from(
  'HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\nCache-Control: no-store\r\n' +
    'Date: Sat, 21 Nov 2026 03:00:00 GMT\r\nConnection: keep-alive\r\nContent-Length: 280\r\n\r\n',
);

const requests = new RequestParser();
requests.parse(requestBytes, 0, requestBytes.length);
const responses = new ResponseParser();
responses.parse(responseBytes, 0, responseBytes.length, 'GET');
const rules = compileForwardingRules('x-tenant-id');
const context = new RequestContext(requests.head);
context.clientIp = '203.0.113.7';
const out = Buffer.alloc(4096);
let request = 0;

measure('forwarded head', () => out.write(forwardedHead(0), 'latin1'));
measure('forwarded head, prefix stripped', () => out.write(forwardedHead(4), 'latin1'));
measure('returned head', () => out.write(returnedHead(''), 'latin1'));
measure('returned head with limits', () => out.write(returnedHead(LIMIT_LINES), 'latin1'));
const denial = localReply(
  'HG_LIMIT_EXCEEDED',
  'Retry-After: 1\r\n',
  'the limit per-second is used up',
);
measure('reply of the edge', () => {
  const text = writeLocalReply(denial, nextId(), DATE_LINE, connectionLine(true, 1), true);
  return out.write(text, 'latin1');
});

function forwardedHead(strippedChars: number): string {
  context.requestId = nextId();
  return writeForwardedHead(context, { strippedChars }, rules, TRACEPARENT);
}

function returnedHead(limitHeaders: string): string {
  context.requestId = nextId();
  context.limitHeaders = limitHeaders;
  const framing = framingFor(responses.head.framing, 1);
  return writeReturnedHead(context, responses.head, framing, true, DATE_LINE);
}

/** New with each request, as in life. */
function nextId(): string {
  request += 1;
  return `3bb2f611035c7920-${request.toString(36)}`;
}

/** The sum of the results is checked, so that no call can be optimised away. */
function measure(name: string, call: () => number): void {
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS; round += 1) {
    let bytes = 0;
    const before = process.hrtime.bigint();
    for (let i = 0; i < CALLS_PER_ROUND; i += 1) bytes += call();
    const ns = Number(process.hrtime.bigint() - before) / CALLS_PER_ROUND;
    if (bytes < CALLS_PER_ROUND * 100) throw new Error(`${name} is too short: ${bytes} bytes`);
    if (ns < best) best = ns;
  }
  console.log(`${best.toFixed(0).padStart(7)} ns  ${name}`);
}
