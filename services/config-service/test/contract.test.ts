import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Ajv2020, type AnySchema, type ValidateFunction } from 'ajv/dist/2020.js';
import * as formats from 'ajv-formats';
import { clusterOperationsOfAll } from './support/access-cluster.ts';
import { createFixtures, MARKS, type Fixtures } from './support/access-fixtures.ts';
import { readOperations, requestsOf, type MatrixOperation } from './support/access-requests.ts';
import { ADMIN_TOKEN, startApi, type TestApi } from './support/api.ts';

/** What the document says of an operation, beside what a request needs. */
interface Described extends MatrixOperation {
  readonly responses: Readonly<
    Record<string, { readonly content?: Readonly<Record<string, { readonly schema: object }>> }>
  >;
}
interface Sent {
  readonly path: string;
  readonly body?: string;
  readonly contentType?: string;
  readonly token?: string;
}

const HOSTILE_VALUES = ['', '\u0000', '-1', '1e3', "'; drop table plans; --", 'x'.repeat(300)];
const HOSTILE_BODIES: readonly unknown[] = [
  null,
  [],
  'text',
  0,
  {},
  { constructor: 1 },
  { unknownKey: true },
];

let api: TestApi;
let operations: readonly Described[];
let fixtures: Fixtures;
const ajv = new Ajv2020({ strict: false, allErrors: true });
const validators = new Map<object, ValidateFunction>();

before(async () => {
  api = await startApi({ extra: clusterOperationsOfAll });
  const reply = await fetch(`${api.url}/openapi.json`);
  const document = (await reply.json()) as { readonly components: object };
  formats.default.default(ajv);
  ajv.addSchema({ $id: 'openapi:', components: document.components });
  operations = readOperations(document) as readonly Described[]; // the same objects, read further
  ({ fixtures } = await createFixtures(api, operations));
});
after(() => api.close());

/** Sends a request; fails unless the reply is one that the document describes. Answers its status. */
async function call(operation: Described, sent: Sent): Promise<number> {
  const { path, body, contentType = 'application/json', token = ADMIN_TOKEN } = sent;
  const reply = await fetch(api.url + path, {
    method: operation.method.toUpperCase(),
    headers: {
      authorization: `Bearer ${token}`,
      ...(body === undefined ? {} : { 'content-type': contentType }),
    },
    ...(body === undefined ? {} : { body }),
  });
  const text = await reply.text();
  const where = `${operation.operationId} ${JSON.stringify(sent).slice(0, 300)}: ${reply.status} ${text.slice(0, 300)}`;
  const described = operation.responses[String(reply.status)];
  assert.ok(described, `a status that is not described: ${where}`);
  assert.ok(reply.status < 500, where);
  const mediaType = reply.headers.get('content-type')?.split(';')[0] ?? '';
  const schema = described.content?.[mediaType]?.schema;
  if (described.content === undefined) assert.ok(text === '', where);
  else if (schema === undefined) assert.fail(`a media type that is not described: ${where}`);
  else {
    const validate = validatorOf(schema);
    assert.ok(validate(JSON.parse(text)), `${where}: ${ajv.errorsText(validate.errors)}`);
  }
  return reply.status;
}

/** Compiled once for each schema, which takes longer than most requests. */
function validatorOf(schema: object): ValidateFunction {
  const known = validators.get(schema);
  if (known !== undefined) return known;
  const text = JSON.stringify(schema).replaceAll('"#/components', '"openapi:#/components');
  const made = ajv.compile(JSON.parse(text) as AnySchema);
  validators.set(schema, made);
  return made;
}

/** Requests of the examples, with each of the optional query parameters. */
function validRequests(operation: Described): Sent[] {
  const revision = fixtures.revisionOf('own');
  return requestsOf(operation, MARKS.own, revision, true).map(({ path, body }) => ({
    path,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  }));
}

/** Requests with one thing wrong each: an id, a parameter, the body, its form, the credential. */
function invalidRequests(operation: Described): Sent[] {
  const valid = validRequests(operation).at(-1) ?? { path: operation.path };
  const [path = '', query = ''] = valid.path.split('?');
  const names = operation.parameters.filter((one) => one.in === 'query').map(({ name }) => name);
  const withQuery = [...names, 'unknownParameter'].flatMap((name) =>
    HOSTILE_VALUES.map((value) => {
      const changed = new URLSearchParams(query);
      changed.set(name, value);
      return { ...valid, path: `${path}?${changed.toString()}` };
    }),
  );
  const withIds = Array.from(operation.path.matchAll(/\{\w+\}/g), ([parameter]) => parameter)
    .flatMap((parameter) => ['Bad_Id', '-', '99999999999999999999'].map((id) => [parameter, id]))
    .map(([parameter = '', id = '']) => ({
      ...valid,
      path: operation.path
        .replace(parameter, id)
        .replaceAll(/\{(\w+)\}/g, (_, name: string) => (name === 'revision' ? '1' : 'nobody')),
    }));
  const anonymous = operation.security?.length === 0 ? [] : [{ ...valid, token: 'nobody' }];
  if (operation.requestBody === undefined) return [...withQuery, ...withIds, ...anonymous];
  const bodies = [...HOSTILE_BODIES, ...mutations(JSON.parse(valid.body ?? '{}'))];
  return [
    ...withQuery,
    ...withIds,
    ...anonymous,
    ...bodies.map((body) => ({ ...valid, body: JSON.stringify(body) })),
    { ...valid, body: '{"half": ' },
    { ...valid, contentType: 'text/plain' },
  ];
}

/** The example with each of its members in turn replaced by what it is not. */
function mutations(example: unknown): unknown[] {
  if (typeof example !== 'object' || example === null) return [];
  return Object.keys(example).flatMap((key) =>
    [null, -1, 'x'.repeat(5000), [[]], { a: { b: 1 } }].map((value) => ({
      ...example,
      [key]: value,
    })),
  );
}

test('each operation answers valid requests as the document says', async (t) => {
  let requests = 0;
  for (const operation of operations) {
    for (const sent of validRequests(operation)) {
      const status = await call(operation, sent);
      // What is made by a POST is there already, and a change may be refused for what uses it.
      assert.ok(status < 400 || status === 409, `${operation.operationId} ${sent.path}: ${status}`);
      requests += 1;
      if (operation.method === 'delete') await fixtures.restore();
    }
  }
  t.diagnostic(`${operations.length} operations, ${requests} requests`);
});

test('each operation answers invalid requests as the document says, and never with a fault of its own', async (t) => {
  let requests = 0;
  let refused = 0;
  for (const operation of operations) {
    for (const sent of invalidRequests(operation)) {
      if ((await call(operation, sent)) >= 400) refused += 1;
      requests += 1;
    }
    if (operation.method === 'delete') await fixtures.restore();
  }
  t.diagnostic(`${requests} requests, ${refused} refused`);
  assert.ok(refused > requests * 0.7, `${refused} of ${requests} refused`);
});
