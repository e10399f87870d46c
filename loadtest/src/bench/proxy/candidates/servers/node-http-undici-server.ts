import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import { Pool, type Dispatcher } from 'undici';
import { IDLE_TIMEOUT_MS, readServerArguments } from '../../../side-by-side/server-arguments.ts';

// The candidate `node-http-undici`: forwards everything through undici's dispatch, which is its fastest interface.

const { port, connections, backends } = readServerArguments(process.argv.slice(2));
const pools = backends.map((origin) => new Pool(origin, { connections, pipelining: 1 }));
let next = 0;

const server = createServer((request, response) => {
  const { method = 'GET', url: path = '/', headers } = request;
  next = (next + 1) % pools.length;
  const hasBody =
    headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined;
  const forwarded = { ...headers };
  delete forwarded.connection;
  delete forwarded['transfer-encoding'];
  pools[next]?.dispatch(
    { method, path, headers: forwarded, body: hasBody ? request : null },
    forwardTo(response),
  );
});
server.keepAliveTimeout = IDLE_TIMEOUT_MS;
server.listen({ host: '127.0.0.1', port });

function forwardTo(response: ServerResponse): Dispatcher.DispatchHandler {
  return {
    onRequestStart: (controller) => void response.once('close', () => abortUnfinished(controller)),
    onResponseStart(_controller, status, headers) {
      response.writeHead(status, endToEnd(headers));
    },
    onResponseData(controller, chunk) {
      if (response.write(chunk)) return;
      controller.pause();
      response.once('drain', () => controller.resume());
    },
    onResponseEnd: () => void response.end(),
    onResponseError() {
      if (response.headersSent) response.destroy();
      else response.writeHead(502).end();
    },
  };

  function abortUnfinished(controller: Dispatcher.DispatchController): void {
    if (!response.writableFinished) controller.abort(new Error('the client went away'));
  }
}

function endToEnd(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  const { connection: _connection, 'keep-alive': _keepAlive, ...rest } = headers;
  return rest;
}
