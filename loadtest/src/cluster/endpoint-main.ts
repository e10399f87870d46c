import { createServer } from 'node:http';

// An endpoint for scenarios: `node endpoint-main.ts NAME PORT` answers every request, once it has all of it, with its
// name; a path that ends in `/bytes/N` with N bytes.

const [name = 'endpoint', port = '0'] = process.argv.slice(2);
const BYTES_MAX = 16 * 1024 * 1024;
const bytes = Buffer.alloc(BYTES_MAX);

const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
  const count = /\/bytes\/(\d{1,8})$/.exec(request.url ?? '')?.[1];
  request.resume();
  request.once('end', () => {
    response.setHeader('content-type', 'text/plain');
    response.end(count === undefined ? `${name}\n` : bytes.subarray(0, Number(count)));
  });
});
server.listen(Number(port), '127.0.0.1', () => console.log('listening'));
