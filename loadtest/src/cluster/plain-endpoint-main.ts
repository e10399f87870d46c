import { createServer } from 'node:net';

// An endpoint that costs next to nothing: `node plain-endpoint-main.ts PORT CHUNKS` answers whatever comes in one piece,
// which is one request of the edge without a body, with the same bytes: a body of so many chunks of one byte. They cost
// nothing here, but whoever reads them as HTTP has to look at each.

const [port = '0', chunks = '1'] = process.argv.slice(2);
const head = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n';
const answer = Buffer.from(`${head}${'1\r\nx\r\n'.repeat(Number(chunks))}0\r\n\r\n`);

const server = createServer({ noDelay: true }, (socket) => {
  socket.on('data', () => socket.write(answer));
  socket.on('error', () => undefined);
});
server.listen({ port: Number(port), host: '127.0.0.1', backlog: 4096 }, () =>
  console.log('listening'),
);
