import replyFrom from '@fastify/reply-from';
import Fastify from 'fastify';
import { IDLE_TIMEOUT_MS, readServerArguments } from '../../../side-by-side/server-arguments.ts';

// The candidate `fastify`: forwards everything, without logs.

const { port, connections, backends } = readServerArguments(process.argv.slice(2));
const app = Fastify({ logger: false, keepAliveTimeout: IDLE_TIMEOUT_MS });
await app.register(replyFrom, {
  undici: { connections, pipelining: 1 },
  disableRequestLogging: true,
});
let next = 0;
app.all('/*', (request, reply) => {
  next = (next + 1) % backends.length;
  return reply.from(`${backends[next]}${request.raw.url}`);
});
await app.listen({ host: '127.0.0.1', port });
