import { ERRORS, problemType, type ErrorCode } from '@headgate/errors';
import { z } from 'zod';
import { rolesWith, type PermissionName } from '../access/permissions.ts';
import type { Operation, ResponseShape } from './operation.ts';

/** Codes that every operation can answer. */
const COMMON_ERRORS: readonly ErrorCode[] = [
  'HG_API_MALFORMED',
  'HG_API_INVALID',
  'HG_API_RATE_LIMITED',
  'HG_API_INTERNAL',
  'HG_API_STORE_UNAVAILABLE',
];
/** Codes that every write can answer. */
const WRITE_ERRORS: readonly ErrorCode[] = ['HG_API_REQUEST_UNDER_WAY', 'HG_API_KEY_REUSED'];
/** Codes that every operation with a token can answer. */
const CREDENTIAL_ERRORS: readonly ErrorCode[] = [
  'HG_API_UNAUTHENTICATED',
  'HG_API_FORBIDDEN',
  'HG_API_ISSUER_UNAVAILABLE',
];
/** Codes that every operation with a body can answer. */
const BODY_ERRORS: readonly ErrorCode[] = ['HG_API_TOO_LARGE', 'HG_API_MEDIA_TYPE'];

type Json = Readonly<Record<string, unknown>>;

/** Builds the OpenAPI 3.1 document: paths from the operations, shapes from their zod schemas. */
export function buildOpenApi(operations: readonly Operation[]): Json {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const operation of operations) {
    const { path, method } = operation.shape;
    paths[path] = { ...paths[path], [method.toLowerCase()]: describeOperation(operation) };
  }
  return {
    openapi: '3.1.0',
    jsonSchemaDialect: 'https://json-schema.org/draft/2020-12/schema',
    info: {
      title: 'Headgate management API',
      version: '1',
      description:
        'Configures plans, shared upstreams, tenants, upstreams, JWT issuers, routes and API keys of a Headgate cluster.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    security: [{ bearer: [] }],
    paths,
    components: {
      securitySchemes: {
        bearer: {
          type: 'http',
          scheme: 'bearer',
          description: 'HEADGATE_ADMIN_TOKEN, or an access token.',
        },
      },
      schemas: { Problem: PROBLEM_SCHEMA },
    },
  };
}

function describeOperation({ shape }: Operation): Json {
  return {
    operationId: shape.operationId,
    summary: shape.summary,
    ...(shape.description === undefined ? {} : { description: shape.description }),
    tags: [shape.tag],
    ...(shape.permission === 'public' ? { security: [] } : describeRoles(shape.permission)),
    parameters: [
      ...describeParameters('path', shape.params),
      ...describeParameters('query', shape.query),
      ...conditionalParameters(shape),
      ...(isRead(shape) ? [] : [IDEMPOTENCY_KEY]),
    ],
    ...(shape.body === null ? {} : { requestBody: describeBody(shape.body, shape.bodyExample) }),
    responses: {
      ...mapValues(shape.responses, describeResponse),
      ...describeErrors(shape),
    },
  };
}

/** Tenant-bound roles reach their own tenants only; others answer as those that do not exist. */
function describeRoles(permission: PermissionName): Json {
  return { 'x-headgate-permission': permission, 'x-headgate-roles': rolesWith(permission) };
}

function describeParameters(place: 'path' | 'query', schema: z.ZodObject): Json[] {
  const { properties = {}, required = [] } = toJsonSchema(schema, 'input');
  return Object.entries(properties as Readonly<Record<string, Json>>).map(([name, property]) => ({
    name,
    in: place,
    required: place === 'path' || (required as readonly string[]).includes(name),
    schema: property,
  }));
}

function isRead({ method, isRead: reads = false }: Operation['shape']): boolean {
  return reads || method === 'GET';
}

function headerParameter(name: string, description: string, example: string): Json {
  const schema = { type: 'string' };
  return { name, in: 'header', required: false, description, schema, example };
}

function conditionalParameters({ method, conditional = false }: Operation['shape']): Json[] {
  if (conditional === false) return [];
  if (conditional === 'state') {
    const rule = '412 unless all that is named is as in the dry run that answered this `state`.';
    return [headerParameter('If-Match', rule, '"Zk2vVnIK3Vd7Xn2rLrQ3Bw"')];
  }
  const header = (name: string, description: string) => headerParameter(name, description, '"12"');
  const ifNoneMatch =
    method === 'GET' ? '304 if the resource is still at this revision.' : '`*` creates only.';
  return [
    ...(method === 'GET'
      ? []
      : [header('If-Match', '412 unless the resource is at this revision.')]),
    header('If-None-Match', ifNoneMatch),
  ];
}

const IDEMPOTENCY_KEY = headerParameter(
  'Idempotency-Key',
  'A repetition with the same key gets the reply of the first request, with `headgate-replayed: true`, for 24 hours.',
  '"8e03978e-40d5-43dd-bc93-6894a57f9324"',
);

function describeBody(schema: z.ZodType, example: unknown): Json {
  const content = { schema: toJsonSchema(schema, 'input') };
  return {
    required: !schema.safeParse(undefined).success,
    content: { 'application/json': example === undefined ? content : { ...content, example } },
  };
}

function describeResponse({ description, schema, example, headers }: ResponseShape): Json {
  return {
    description,
    ...(headers === undefined
      ? {}
      : {
          headers: mapValues(headers, (text) => ({
            description: text,
            schema: { type: 'string' },
          })),
        }),
    ...(schema === undefined
      ? {}
      : {
          content: {
            'application/json': {
              schema: toJsonSchema(schema, 'output'),
              ...(example === undefined ? {} : { example }),
            },
          },
        }),
  };
}

function describeErrors(shape: Operation['shape']): Json {
  const roles = rolesWith(shape.permission);
  const codes = [
    ...COMMON_ERRORS,
    ...(roles === null ? [] : CREDENTIAL_ERRORS),
    ...(shape.body === null ? [] : BODY_ERRORS),
    ...shape.errors,
    ...(isRead(shape) ? [] : WRITE_ERRORS),
  ];
  const byStatus = Map.groupBy(codes, (code) => String(ERRORS[code].status));
  return mapValues(Object.fromEntries(byStatus), describeProblem);
}

/** A response for all codes of one status. */
function describeProblem(codes: readonly ErrorCode[]): Json {
  const schema = { $ref: '#/components/schemas/Problem' };
  const values = codes.map((code) => {
    const { status, title } = ERRORS[code];
    return { type: problemType(code), title, status, code };
  });
  const examples = Object.fromEntries(values.map((value) => [value.code, { value }]));
  return {
    description: values.map(({ code, title }) => `${code}: ${title}.`).join(' '),
    content: { 'application/problem+json': { schema, examples } },
  };
}

const PROBLEM_SCHEMA = {
  type: 'object',
  description: 'RFC 9457 problem details.',
  required: ['type', 'title', 'status', 'code'],
  properties: {
    type: { type: 'string', format: 'uri' },
    title: { type: 'string' },
    status: { type: 'integer' },
    code: {
      type: 'string',
      enum: Object.keys(ERRORS).filter((code) => code.startsWith('HG_API_')),
    },
    detail: { type: 'string' },
    requestId: { type: 'string' },
    errors: {
      type: 'array',
      description: 'Every fault of the input.',
      items: {
        type: 'object',
        required: ['path', 'rule'],
        properties: {
          path: { type: 'string', description: 'Where; empty for the resource as a whole.' },
          value: { description: 'What was found there, shortened.' },
          rule: { type: 'string', description: 'The rule that it breaks.' },
        },
      },
    },
  },
} as const;

/** Without `$schema`: the document names the dialect once. */
function toJsonSchema(schema: z.ZodType, io: 'input' | 'output'): Json {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: 'any' });
  return rest;
}

function mapValues<Value, Result>(
  record: Readonly<Record<string, Value>>,
  map: (value: Value) => Result,
): Record<string, Result> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, map(value)]));
}
