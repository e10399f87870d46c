import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { StartError } from '@headgate/runtime';

/** Whether the process should get traffic, and if not, why. */
export interface Readiness {
  readonly ready: boolean;
  /** Short sentences; empty when ready. */
  readonly reasons: readonly string[];
}

/** What an extra route gets. */
export interface AdminRequest {
  readonly path: string;
  readonly query: URLSearchParams;
}

/** What an extra route answers, sent as JSON. Status default 200. */
export interface AdminReply {
  readonly status?: number;
  readonly body: unknown;
}

/** Answers one extra `GET` route. */
export type AdminHandler = (request: AdminRequest) => AdminReply | Promise<AdminReply>;

/** Options of {@link createAdminServer}. */
export interface AdminServerOptions {
  /** Port 0 picks a free one. */
  readonly listen: { readonly host: string; readonly port: number };
  readonly readiness: () => Readiness;
  /** False makes `/livez` answer 503, which asks the orchestrator for a restart. Default: true. */
  readonly liveness?: () => boolean;
  /** Prometheus text. */
  readonly metrics: () => Promise<string>;
  /** Extra `GET` routes by exact path, such as `/config`. */
  readonly routes?: Readonly<Record<string, AdminHandler>>;
  readonly logger: { error(fields: object, message: string): void };
}

/** A listening admin server. Whoever created it closes it. */
export interface AdminServer {
  readonly host: string;
  readonly port: number;
  /** Stops listening and ends open connections. */
  close(): Promise<void>;
}

const CONNECTIONS_MAX = 64;

/**
 * Starts the admin listener: `GET /livez`, `/readyz`, `/metrics` and extra JSON routes. It has no
 * authentication: bind it to a private address.
 *
 * Bounds: 64 connections, 8 KiB of head, 5 s per request, no request bodies; scrapes that arrive
 * while one is being made share it.
 *
 * @throws StartError when the address cannot be bound.
 */
export async function createAdminServer(options: AdminServerOptions): Promise<AdminServer> {
  const handlers = createHandlers(options);
  const server = createServer(
    { maxHeaderSize: 8192, requestTimeout: 5000, headersTimeout: 5000, keepAliveTimeout: 5000 },
    (request, response) => void answer(request, response, handlers, options.logger),
  );
  server.maxConnections = CONNECTIONS_MAX;
  const { host, port } = options.listen;
  await listen(server, host, port);
  const address = server.address() as AddressInfo; // a TCP server that listens
  return { host, port: address.port, close: () => closeServer(server) };
}

type RawHandler = (url: URL) => RawReply | Promise<RawReply>;

interface RawReply {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

function createHandlers(options: AdminServerOptions): ReadonlyMap<string, RawHandler> {
  const handlers = new Map<string, RawHandler>();
  for (const [path, handler] of Object.entries(options.routes ?? {})) {
    handlers.set(path, async (url) => {
      const { status, body } = await handler({ path, query: url.searchParams });
      return jsonReply(status ?? 200, body);
    });
  }
  handlers.set('/livez', () => {
    const live = options.liveness?.() ?? true;
    return jsonReply(live ? 200 : 503, { live });
  });
  handlers.set('/readyz', () => {
    const { ready, reasons } = options.readiness();
    return jsonReply(ready ? 200 : 503, { ready, reasons });
  });
  let scrape: Promise<string> | null = null;
  handlers.set('/metrics', async () => {
    scrape ??= options.metrics().finally(() => {
      scrape = null;
    });
    const body = await scrape;
    return { status: 200, type: 'text/plain; version=0.0.4; charset=utf-8', body };
  });
  return handlers;
}

function jsonReply(status: number, body: unknown): RawReply {
  return { status, type: 'application/json', body: `${JSON.stringify(body)}\n` };
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  handlers: ReadonlyMap<string, RawHandler>,
  logger: AdminServerOptions['logger'],
): Promise<void> {
  const reply = await replyTo(request, handlers).catch((error: unknown): RawReply => {
    logger.error({ err: error, path: request.url?.slice(0, 256) }, 'admin request failed');
    return jsonReply(500, { error: 'internal error' });
  });
  response.writeHead(reply.status, {
    'content-type': reply.type,
    'content-length': Buffer.byteLength(reply.body),
    'cache-control': 'no-store',
    ...(hasBody(request) ? { connection: 'close' } : {}),
  });
  response.end(request.method === 'HEAD' ? '' : reply.body);
}

async function replyTo(
  request: IncomingMessage,
  handlers: ReadonlyMap<string, RawHandler>,
): Promise<RawReply> {
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    return jsonReply(405, { error: 'only GET and HEAD' });
  }
  const target = request.url ?? '/';
  if (!URL.canParse(target, 'http://admin')) return jsonReply(400, { error: 'invalid target' });
  const url = new URL(target, 'http://admin');
  const handler = handlers.get(url.pathname);
  if (handler === undefined)
    return jsonReply(404, { error: 'not found', paths: [...handlers.keys()] });
  return handler(url);
}

function hasBody(request: IncomingMessage): boolean {
  const length = request.headers['content-length'];
  return request.headers['transfer-encoding'] !== undefined || (length ?? '0') !== '0';
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause) => {
      reject(StartError.listening('the admin server', { host, port }, cause));
    });
    server.listen({ host, port }, resolve);
  });
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
