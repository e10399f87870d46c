import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { systemClock } from '@headgate/runtime';
import { Ajv2020, type AnySchema } from 'ajv/dist/2020.js';
import * as formats from 'ajv-formats';
import { pino } from 'pino';
import { createApp } from '../src/app.ts';
import type { ApiContext } from '../src/resources/api-context.ts';
import { clusterOperations } from '../src/resources/cluster-operations.ts';
import { rolloutOperations } from '../src/resources/rollouts.ts';

interface Media {
  readonly schema: AnySchema;
  readonly example?: unknown;
  readonly examples?: Readonly<Record<string, { readonly value: unknown }>>;
}
interface Described {
  readonly operationId: string;
  readonly summary: string;
  readonly tags: readonly string[];
  readonly parameters: readonly {
    readonly in: string;
    readonly name: string;
    readonly description?: string;
    readonly schema: AnySchema;
  }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, Media>> };
  readonly responses: Readonly<
    Record<string, { readonly content?: Readonly<Record<string, Media>> }>
  >;
}
interface Document {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Described>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, AnySchema>> };
}

/** What needs no token: nothing of any tenant is in it. */
const PUBLIC_PATHS = ['/openapi.json', '/v1/schemas/bundle.json'];

/** The app without a database: routes and their description need none. */
async function assemble() {
  const nothing = {} as never; // handlers are not called
  const context: ApiContext = {
    store: nothing,
    convergence: nothing,
    documentBytesMax: () => 0,
    onCommitted: () => undefined,
    randomBytes,
    certificates: nothing,
  };
  const extra = [
    ...clusterOperations({
      ...{ store: nothing, view: nothing, bus: nothing },
      ...{ watch: nothing, events: nothing, history: nothing },
    }),
    ...rolloutOperations({ ...context, guardian: nothing }),
  ];
  const app = await createApp(context, extra, {
    clock: systemClock,
    adminToken: 'x'.repeat(16),
    logger: pino({ level: 'silent' }),
  });
  await app.ready();
  const reply = await app.inject({ method: 'GET', url: '/openapi.json' });
  return { app, document: reply.json<Document>() };
}

const { app, document } = await assemble();
const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
);

test('the OpenAPI document names every route, and nothing else', async () => {
  const routes = app
    .printRoutes({ commonPrefix: false })
    .split('\n')
    .filter((line) => line.trim() !== '');
  const methodCount = routes
    // HEAD comes with each GET and is not described.
    .map((line) => /\(([A-Z, ]+)\)/.exec(line)?.[1]?.replace(', HEAD', '').split(',').length ?? 0)
    .reduce((sum, count) => sum + count, 0);
  assert.equal(operations.length, methodCount);
  for (const { path, method } of operations) {
    const url = path.replaceAll(/\{(\w+)\}/g, ':$1');
    const known = app.hasRoute({ method: method.toUpperCase(), url });
    assert.ok(known, `${method} ${path}`);
  }
});

test('every operation that a source file defines is described, and so asked for by the tests of access and of the contract', async () => {
  const folder = new URL('../src/', import.meta.url);
  const described = new Set(operations.map(({ operation }) => operation.operationId));
  let named = 0;
  for (const file of await readdir(folder, { recursive: true })) {
    if (!file.endsWith('.ts') || file.endsWith('.test.ts')) continue;
    const text = await readFile(new URL(file, folder), 'utf8');
    for (const [, id = ''] of text.matchAll(/operationId: '(\w+)'/g)) {
      named += 1;
      assert.ok(described.has(id), `${file} defines ${id}, which clusterOperations leaves out`);
    }
  }
  assert.ok(named > 15, `${named} operations`);
});

test('each schema is valid JSON Schema 2020-12, and each example fits its schema', () => {
  assert.match(document.openapi, /^3\.1\./);
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  formats.default.default(ajv);
  ajv.addSchema({ $id: 'openapi:', components: document.components });
  let examples = 0;
  for (const { path, method, operation } of operations) {
    const media = [operation.requestBody, ...Object.values(operation.responses)].flatMap((part) =>
      Object.values(part?.content ?? {}),
    );
    for (const { schema, example, examples: named = {} } of media) {
      const rooted = JSON.parse(
        JSON.stringify(schema).replaceAll('"#/components', '"openapi:#/components'),
      ) as AnySchema;
      const validate = ajv.compile(rooted);
      const given = [example, ...Object.values(named).map(({ value }) => value)];
      for (const one of given.filter((value) => value !== undefined)) {
        examples += 1;
        const where = `${method} ${path}`;
        assert.ok(validate(one), `${where}: ${ajv.errorsText(validate.errors)}`);
      }
    }
    for (const parameter of operation.parameters) ajv.compile(parameter.schema);
  }
  assert.ok(examples > 300, `${examples} examples`);
});

test('each operation has a unique id, its path parameters, and the errors that it can answer', () => {
  const ids = operations.map(({ operation }) => operation.operationId);
  assert.equal(new Set(ids).size, ids.length);
  for (const { path, method, operation } of operations) {
    const names = Array.from(path.matchAll(/\{(\w+)\}/g), (match) => match[1]);
    const described = operation.parameters.filter((parameter) => parameter.in === 'path');
    assert.deepEqual(described.map(({ name }) => name).sort(), names.sort(), `${method} ${path}`);
    for (const status of ['400', '422', '429', '500', '503']) {
      assert.ok(operation.responses[status], `${method} ${path} ${status}`);
    }
    assert.equal(operation.responses['401'] === undefined, PUBLIC_PATHS.includes(path));
    if (operation.requestBody !== undefined) {
      assert.ok(operation.responses['413'] && operation.responses['415'], `${method} ${path}`);
    }
  }
});

test('the document reads well: names, summaries, descriptions, and what each kind of operation must have', () => {
  const faults: string[] = [];
  for (const { path, method, operation } of operations) {
    const expect = (holds: boolean, rule: string) => {
      if (!holds) faults.push(`${method} ${path}: ${rule}`);
    };
    const { operationId, summary, tags, parameters, responses, requestBody } = operation;
    expect(/^(?:\/(?:[a-z0-9-]+(?:\.json)?|\{[a-z][A-Za-z]*\}))+$/.test(path), 'kebab-case path');
    expect(/^[a-z]+(?:[A-Z][a-zA-Z]*)?$/.test(operationId), 'operationId is a verb and a noun');
    expect(/^[A-Z].*[^.]$/.test(summary) && summary.length <= 80, 'a short summary without period');
    expect(tags.length === 1, 'one tag');
    for (const parameter of parameters) {
      const { description } = parameter.schema as { readonly description?: string };
      const text = parameter.description ?? description ?? '';
      expect(text !== '', `parameter ${parameter.name} has a description`);
    }
    const has = (name: string) => parameters.some((parameter) => parameter.name === name);
    const isRead = method === 'get' || ['compareBundle', 'replayLimits'].includes(operationId);
    expect(has('Idempotency-Key') !== isRead, 'Idempotency-Key for writes alone');
    expect(!has('cursor') || has('limit'), 'a list has a limit');
    expect(method === 'put' || method === 'post' || requestBody === undefined, 'no body');
    const successes = Object.keys(responses).filter((status) => status.startsWith('2'));
    expect(successes.length > 0, 'a success');
    for (const status of successes) {
      const hasSchema = responses[status]?.content?.['application/json']?.schema !== undefined;
      expect(hasSchema || status === '204', `a schema for ${status}`);
    }
  }
  assert.deepEqual(faults, []);
});
