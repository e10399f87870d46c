import { makeCertificate } from '@headgate/testkit';

/** A parameter as the OpenAPI document describes it. */
interface Parameter {
  readonly in: string;
  readonly name: string;
  readonly required: boolean;
  readonly schema: {
    readonly type?: string;
    readonly maximum?: number;
    readonly enum?: readonly string[];
    readonly format?: string;
  };
}

/** An operation as the OpenAPI document describes it. */
export interface MatrixOperation {
  readonly path: string;
  readonly method: string;
  readonly operationId: string;
  /** Empty for operations without a token. */
  readonly security?: readonly unknown[];
  readonly parameters: readonly Parameter[];
  readonly requestBody?: {
    readonly content: Readonly<Record<string, { readonly example?: unknown }>>;
  };
  readonly 'x-headgate-permission'?: string;
  readonly 'x-headgate-roles'?: readonly string[];
}

/** A request that an operation can be asked with. */
export interface MatrixRequest {
  readonly path: string;
  readonly body: unknown;
}

/** Ids in the examples of the document, by the parameter that takes them. */
const EXAMPLE_IDS: Readonly<Record<string, string>> = {
  tenantId: 'acme',
  planId: 'gold',
  upstreamId: 'api',
  sharedUpstreamId: 'mail',
  routeId: 'web',
  jwtIssuerId: 'login',
  apiKeyId: 'mobile',
  certificateId: 'web',
  accessTokenId: 'ci',
};
const EXAMPLE_WORDS = new RegExp(`\\b(${Object.values(EXAMPLE_IDS).join('|')})\\b`, 'g');

/** Optional parameters that only make a request wait. */
const NOT_ASKED = ['wait', 'timeout'];

/** Reads the operations out of an OpenAPI document, which openapi.test.ts has checked. */
export function readOperations(document: unknown): readonly MatrixOperation[] {
  type Described = Omit<MatrixOperation, 'path' | 'method'>;
  const { paths } = document as {
    readonly paths: Readonly<Record<string, Readonly<Record<string, Described>>>>;
  };
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, described]) => ({ ...described, path, method })),
  );
}

/**
 * Requests about the tenant with this mark in all its ids: one with each optional query parameter, and
 * last the one with none.
 *
 * @param isOfAll whether the asker may name plans and shared upstreams in a bundle.
 */
export function requestsOf(
  operation: MatrixOperation,
  mark: string,
  revision: number,
  isOfAll: boolean,
): readonly MatrixRequest[] {
  const path = operation.path.replaceAll(/\{(\w+)\}/g, (_, name: string) =>
    name === 'revision' ? String(revision) : `${EXAMPLE_IDS[name] ?? 'acme'}-${mark}`,
  );
  const queried = operation.parameters.filter((parameter) => parameter.in === 'query');
  const required = queried.filter((parameter) => parameter.required);
  const optional = queried.filter(({ required: is, name }) => !is && !NOT_ASKED.includes(name));
  const body = exampleBody(operation, mark, revision, isOfAll);
  return [...optional.map((one) => [...required, one]), required].map((parameters) => {
    const query = new URLSearchParams(
      parameters.map((parameter) => [parameter.name, valueOf(parameter, mark, revision)]),
    );
    return { path: query.size === 0 ? path : `${path}?${query.toString()}`, body };
  });
}

/** The body of the example, with the tenant's ids and values in it; undefined if there is none. */
export function exampleBody(
  operation: MatrixOperation,
  mark: string,
  revision: number,
  isOfAll: boolean,
): unknown {
  if (operation.operationId === 'putCertificate') return certificateOf(mark);
  const example = operation.requestBody?.content['application/json']?.example;
  if (example === undefined) return undefined;
  const text = JSON.stringify(example)
    .replaceAll(EXAMPLE_WORDS, `$1-${mark}`)
    .replaceAll(/10\.0\.0\.(\d)/g, `${mark}-$1.internal`);
  const body: unknown = JSON.parse(text, (key, value: unknown) =>
    key === 'revision' ? revision : value,
  );
  const isBundle = typeof body === 'object' && body !== null && 'tenants' in body;
  if (isOfAll || !isBundle) return body;
  return { ...body, plans: undefined, upstreams: undefined };
}

const certificates = new Map<string, object>();

/** The one body whose example cannot be used: certificates expire, and are of one tenant's hosts. */
function certificateOf(mark: string): object {
  let body = certificates.get(mark);
  if (body === undefined) {
    const dnsNames = [`acme-${mark}.example.com`];
    const { chain, privateKey } = makeCertificate({ name: mark, dnsNames });
    certificates.set(mark, (body = { name: mark, chain, privateKey }));
  }
  return body;
}

function valueOf({ name, required, schema }: Parameter, mark: string, revision: number): string {
  if (required) return String(revision);
  if (name === 'dryRun' || name === 'declare') return 'true';
  if (name === 'limit') return '1';
  if (schema.type === 'integer') return String(Math.min(revision, schema.maximum ?? revision));
  // Before every id, and after every number.
  if (name === 'cursor') return Buffer.from('99999999').toString('base64url');
  if (schema.format === 'date-time') return '2020-01-01T00:00:00Z';
  return schema.enum?.[0] ?? `${EXAMPLE_IDS[name] ?? 'acme'}-${mark}`;
}
