// A small backend for the local cluster: `node demo-endpoint.ts NAME PORT`. It answers every request
// with its own name and what the edge sent, so that one sees which endpoint was picked and which
// headers arrive.
//
//     /healthz       for the health-service
//     /slow?ms=N     answers after N ms (at most 10,000; default 1000)
//     /stream        ten lines, one every 100 ms
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

const SLOW_MS_DEFAULT = 1000;
const SLOW_MS_MAX = 10_000;
const STREAM_LINES = 10;
const STREAM_INTERVAL_MS = 100;

const HEADERS_SHOWN = [
  'host',
  'via',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-proto',
  'x-request-id',
  'x-tenant-id',
  'traceparent',
];

const [name = 'demo', port = '0'] = process.argv.slice(2);

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://endpoint');
  let bodyBytes = 0;
  for await (const chunk of request) bodyBytes += (chunk as Buffer).length;
  const action = url.pathname.split('/').at(-1);
  if (action === 'stream') return stream(response);
  if (action === 'slow') {
    const ms = Number(url.searchParams.get('ms') ?? SLOW_MS_DEFAULT);
    await sleep(Math.min(Math.max(ms, 0) || 0, SLOW_MS_MAX));
  }
  const headers = HEADERS_SHOWN.flatMap((field) => {
    const value = request.headers[field];
    return value === undefined ? [] : [[field, value] as const];
  });
  const reply = {
    endpoint: name,
    method: request.method,
    path: request.url,
    bodyBytes,
    headers: Object.fromEntries(headers),
  };
  response.setHeader('content-type', 'application/json');
  response.end(`${JSON.stringify(reply, null, 2)}\n`);
}

async function stream(response: ServerResponse): Promise<void> {
  response.setHeader('content-type', 'text/plain; charset=utf-8');
  for (let line = 1; line <= STREAM_LINES && !response.destroyed; line++) {
    response.write(`${name}: line ${line} of ${STREAM_LINES}\n`);
    await sleep(STREAM_INTERVAL_MS);
  }
  response.end();
}

function log(level: 'debug' | 'info', msg: string, fields: object = {}): void {
  process.stdout.write(`${JSON.stringify({ level, time: Date.now(), msg, ...fields })}\n`);
}

const server = createServer((request, response) => {
  answer(request, response).catch((error: unknown) => {
    // The client went away, or its body broke off; there is nobody left to answer.
    log('debug', 'request aborted', { reason: String(error) });
    response.destroy();
  });
});
// Longer than an edge keeps idle connections (30 s), so that the edge is the one to close them.
server.keepAliveTimeout = 65_000;
server.on('error', (error) => {
  process.stderr.write(`${name}: ${error.message}\n`);
  process.exitCode = 1;
});
server.listen(Number(port), '127.0.0.1', () => log('info', 'ready', { address: server.address() }));
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    server.close();
    server.closeAllConnections();
  });
}
