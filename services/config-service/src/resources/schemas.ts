import { bundleJsonSchema } from '@headgate/model';
import { z } from 'zod';
import { defineOperation, NOTHING, type Operation } from '../http/operation.ts';

/** `GET /v1/schemas/bundle.json`: for editors, which send no token. It holds nothing of any tenant. */
export function bundleSchemaOperation(): Operation {
  let schema: ReturnType<typeof bundleJsonSchema> | undefined;
  return defineOperation(
    {
      method: 'GET',
      path: '/v1/schemas/bundle.json',
      operationId: 'getBundleSchema',
      summary: 'JSON Schema of a bundle, for editors',
      description: 'What `headgate schema` prints, of the version of the server.',
      tag: 'service',
      permission: 'public',
      params: NOTHING,
      query: NOTHING,
      body: null,
      responses: {
        200: { description: 'A JSON Schema, draft 2020-12.', schema: z.looseObject({}) },
      },
      errors: [],
    },
    () => {
      schema ??= bundleJsonSchema();
      return Promise.resolve({ status: 200, body: schema });
    },
  );
}
