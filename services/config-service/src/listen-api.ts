import { StartError } from '@headgate/runtime';
import type { FastifyInstance } from 'fastify';

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
    throw StartError.listening('the management API', listen, error);
  }
}
