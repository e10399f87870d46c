import type { FastifyInstance } from 'fastify';
import { StartError } from './start-error.ts';

/**
 * Makes the management API listen; returns its URL.
 *
 * @throws StartError when the address cannot be bound.
 */
export async function listenApi(
  app: FastifyInstance,
  listen: { readonly host: string; readonly port: number },
): Promise<string> {
  try {
    return await app.listen(listen);
  } catch (error) {
    const inUse = error instanceof Error && 'code' in error && error.code === 'EADDRINUSE';
    const what = `cannot listen on ${listen.host}:${listen.port} for the management API`;
    throw StartError.from(what, inUse ? 'the port is in use' : error);
  }
}
