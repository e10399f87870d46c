import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { compileAddressRanges, SecretsKeys, systemClock } from '@headgate/runtime';
import { providePGlite, temporaryDirectory } from '@headgate/testkit';
import { pino } from 'pino';
import type { Authorise } from '../../src/access/authorise.ts';
import type { VerifyJwt } from '../../src/access/oidc/verify-jwt.ts';
import { createApp } from '../../src/app.ts';
import type { Operation } from '../../src/http/operation.ts';
import type { ApiContext } from '../../src/resources/api-context.ts';
import { rolloutOperations, type RolloutContext } from '../../src/resources/rollouts.ts';
import {
  openDatabase,
  type DatabaseLocation,
  type OpenDatabase,
} from '../../src/store/database.ts';
import { createStore, type Store } from '../../src/store/store.ts';

export const ADMIN_TOKEN = 'test-admin-token-0123456789';
/** Of secrets, unless a test brings its own. */
const KEY = Buffer.alloc(32, 'test').toString('base64url');

/** A reply with its body parsed. */
export interface ApiReply {
  readonly status: number;
  readonly headers: Headers;
  // A test reads whatever it expects of a JSON body and fails on anything else.
  readonly body: Readonly<Record<string, unknown>>;
}

/** A request to the API; a string body is sent as it is. */
export type Send = (
  method: string,
  path: string,
  body?: unknown,
  headers?: Readonly<Record<string, string>>,
) => Promise<ApiReply>;

/** The management API on a real socket over a real database. */
export interface TestApi {
  readonly send: Send;
  readonly url: string;
  readonly database: OpenDatabase;
  readonly store: Store;
  readonly committed: () => number;
  close(): Promise<void>;
}

/** Options of {@link startApi}. */
export interface TestApiOptions {
  readonly location?: DatabaseLocation;
  readonly documentBytesMax?: number;
  readonly requestsPerSecondMax?: number;
  readonly credentialRequestsPerSecondMax?: number;
  readonly trustedProxies?: readonly string[];
  /** Where endpoints of tenants may be beside. */
  readonly allowedAddresses?: readonly string[];
  /** Of secrets; null: none. */
  readonly secretsKeys?: readonly string[] | null;
  /** In place of the rule of the application. */
  readonly authorise?: Authorise;
  readonly verifyJwt?: VerifyJwt;
  /** Operations beside those of the store alone. */
  readonly extra?: (store: Store) => readonly Operation[];
}

/** No edge serves anything; any rollout may start. */
const QUIET_GUARDIAN: RolloutContext['guardian'] = {
  observe: () => ({
    ...{ candidate: null, baseline: null, judgement: { verdict: 'waiting' }, fresh: false },
    ...{ edges: [], rejection: null },
  }),
  refuseStart: () => null,
};

/** Starts the API on a free port; without a location on a new PGlite. */
export async function startApi(options: TestApiOptions = {}): Promise<TestApi> {
  const directory = await temporaryDirectory('config-service');
  const location = options.location ?? {
    kind: 'pglite' as const,
    directory: join(directory.path, 'data'),
  };
  if (location.kind === 'pglite') await providePGlite(join(location.directory, 'pglite'));
  const database = await openDatabase(location, () => undefined);
  let commits = 0;
  const context: ApiContext = {
    store: createStore(
      {
        clock: systemClock,
        isAllowedAddress: compileAddressRanges(options.allowedAddresses ?? []),
      },
      database,
    ),
    convergence: { wait: () => Promise.resolve(true) },
    documentBytesMax: () => options.documentBytesMax ?? 1024 * 1024,
    onCommitted: () => (commits += 1),
    randomBytes,
    certificates: {
      clock: systemClock,
      secrets: options.secretsKeys === null ? null : new SecretsKeys(options.secretsKeys ?? [KEY]),
    },
  };
  const extra = options.extra?.(context.store) ?? [];
  const rollouts = rolloutOperations({ ...context, guardian: QUIET_GUARDIAN });
  const app = await createApp(context, [...rollouts, ...extra], {
    clock: systemClock,
    adminToken: ADMIN_TOKEN,
    ...(options.authorise === undefined ? {} : { authorise: options.authorise }),
    verifyJwt: options.verifyJwt ?? null,
    logger: pino({ level: 'silent' }),
    isTrustedProxy: compileAddressRanges(options.trustedProxies ?? []),
    requestsPerSecondMax: options.requestsPerSecondMax ?? 100_000,
    credentialRequestsPerSecondMax: options.credentialRequestsPerSecondMax ?? 100_000,
  });
  const url = await app.listen({ host: '127.0.0.1', port: 0 });
  return {
    send: createSend(url),
    url,
    database,
    store: context.store,
    committed: () => commits,
    async close() {
      await app.close();
      await database.close().catch(() => undefined);
      await directory.remove();
    },
  };
}

/** Sends requests with the admin token. */
export function createSend(url: string, token = ADMIN_TOKEN): Send {
  return async (method, path, body, headers = {}) => {
    const reply = await fetch(url + path, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined
        ? {}
        : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await reply.text();
    return {
      status: reply.status,
      headers: reply.headers,
      body: (text === '' ? {} : JSON.parse(text)) as Record<string, unknown>,
    };
  };
}

/** Paths and rules of the faults of a reply. */
export function faults(reply: ApiReply): string[] {
  const errors = (reply.body['errors'] ?? []) as readonly { path: string; rule: string }[];
  return errors.map(({ path, rule }) => `${path}: ${rule}`);
}
