import { createServer } from 'node:http';

// An endpoint for scenarios: `node endpoint-main.ts NAME PORT` answers every request with its name.

const [name = 'endpoint', port = '0'] = process.argv.slice(2);

const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
  request.resume();
  response.setHeader('content-type', 'text/plain');
  response.end(`${name}\n`);
});
server.listen(Number(port), '127.0.0.1', () => console.log('listening'));
