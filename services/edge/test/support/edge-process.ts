import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  inspectCertificate,
  PlanDocument,
  TenantDocument,
  UpstreamDocument,
  type DocumentHeader,
  type DocumentKind,
} from '@headgate/model';
import { SecretsKeys } from '@headgate/runtime';
import {
  freePort,
  startProcess,
  temporaryDirectory,
  type StartedProcess,
  type TestCertificate,
} from '@headgate/testkit';
import { WireDocument } from '../../src/ipc/wire-document.ts';
import { SnapshotFiles } from '../../src/primary/snapshot-files.ts';

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

/** A tenant as tests write it: what a bundle holds, with defaults filled in. */
export interface TestTenant {
  readonly id: string;
  /** Default `test`. */
  readonly planId?: string;
  readonly hosts?: readonly string[];
  readonly pathPrefixes?: readonly string[];
  readonly headerValues?: readonly string[];
  readonly status?: 'active' | 'suspended';
  readonly limits?: readonly object[];
  readonly timeZone?: string;
  readonly upstreams: Readonly<Record<string, object>>;
  readonly routes: Readonly<Record<string, object>>;
  readonly jwtIssuers?: Readonly<Record<string, object>>;
  /** Their keys are sealed with {@link SECRETS_KEY_OF_TESTS}, unless `sealedWith` is another. */
  readonly certificates?: Readonly<
    Record<string, TestCertificate & { readonly sealedWith?: string }>
  >;
  readonly apiKeys?: Readonly<
    Record<string, { readonly key: string; readonly [field: string]: unknown }>
  >;
}

/** Key of secrets that edges in tests have. */
export const SECRETS_KEY_OF_TESTS = Buffer.alloc(32, 'edge').toString('base64url');

/** SHA-256 in hex. */
export const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

/** The document of a tenant. */
export function tenantDocument(tenant: TestTenant, revision = 1): WireDocument {
  const identity = {
    hosts: [...(tenant.hosts ?? [])],
    pathPrefixes: [...(tenant.pathPrefixes ?? [])],
    headerValues: [...(tenant.headerValues ?? [])],
  };
  const body = TenantDocument.parse({
    tenant: {
      id: tenant.id,
      planId: tenant.planId ?? 'test',
      status: tenant.status ?? 'active',
      identity,
      limits: tenant.limits ?? [],
      ...(tenant.timeZone === undefined ? {} : { timeZone: tenant.timeZone }),
      labels: {},
    },
    upstreams: Object.entries(tenant.upstreams).map(([id, upstream]) => ({ id, ...upstream })),
    routes: Object.entries(tenant.routes).map(([id, route]) => ({ id, ...route })),
    jwtIssuers: Object.entries(tenant.jwtIssuers ?? {}).map(([id, issuer]) => ({ id, ...issuer })),
    apiKeys: Object.entries(tenant.apiKeys ?? {}).map(([id, { key, ...rest }]) => ({
      id,
      sha256: sha256(key),
      hint: key.slice(0, 8),
      ...rest,
    })),
    certificates: Object.entries(tenant.certificates ?? {}).map(([id, certificate]) =>
      publishedCertificate(tenant.id, id, certificate),
    ),
  });
  return documentOf('tenant', tenant.id, revision, body, identity);
}

function publishedCertificate(
  tenantId: string,
  id: string,
  {
    chain,
    privateKey,
    sealedWith = SECRETS_KEY_OF_TESTS,
  }: NonNullable<TestTenant['certificates']>[string],
): object {
  const inspected = inspectCertificate({ chain, privateKey }, null);
  if (!inspected.ok) throw new TypeError(JSON.stringify(inspected.faults));
  const place = { kind: 'certificate', tenantId, id } as const;
  const sealedPrivateKey = new SecretsKeys([sealedWith]).seal(privateKey, place);
  return { id, chain, ...inspected.certificate.facts, sealedPrivateKey };
}

/** The same as the candidate of a rollout to `rings`. */
export function rolloutDocument(
  tenant: TestTenant,
  revision: number,
  rings: readonly string[],
): WireDocument {
  const { header, body } = tenantDocument(tenant, revision);
  return WireDocument.of({ ...header, kind: 'rollout', rings: [...rings] }, body);
}

/** A document with some fields of its header, or its body, replaced. */
export function edited(
  { header, body }: WireDocument,
  changes: { readonly header?: object; readonly body?: string },
): WireDocument {
  return WireDocument.of({ ...header, ...changes.header }, changes.body ?? body);
}

/** The document of a plan, by default `test`. */
export function planDocument(plan: object = {}, revision = 1): WireDocument {
  const document = PlanDocument.parse({ plan: { id: 'test', ...plan } });
  return documentOf('plan', document.plan.id, revision, document);
}

/** The document of a shared upstream whose endpoints are these ports of this machine. */
export function upstreamDocument(
  id: string,
  ports: readonly number[],
  revision = 1,
  settings: object = {},
): WireDocument {
  const endpoints = ports.map((port) => ({ host: '127.0.0.1', port }));
  const document = UpstreamDocument.parse({ upstream: { id, endpoints, ...settings } });
  return documentOf('upstream', id, revision, document);
}

function documentOf(
  kind: DocumentKind,
  id: string,
  revision: number,
  value: object,
  identity?: DocumentHeader['identity'],
): WireDocument {
  const body = JSON.stringify(value);
  const header: DocumentHeader = {
    v: 1,
    kind,
    id,
    revision,
    deleted: false,
    sha256: sha256(body),
    ...(identity === undefined ? {} : { identity }),
  };
  return WireDocument.of(header, body);
}

/** An edge that runs as a process of its own. */
export interface TestEdge {
  readonly process: StartedProcess;
  readonly port: number;
  /** Of its listener with TLS; 0 for none. */
  readonly tlsPort: number;
  readonly admin: string;
  readonly dataDirectory: string;
  /** Ends it at once: tests that are about draining send SIGTERM themselves, and wait for the exit. */
  stop(): Promise<void>;
}

/** Options of {@link startTestEdge}. */
export interface TestEdgeOptions {
  /** Configuration that lies on the disk when the edge starts. */
  readonly documents?: readonly WireDocument[];
  /** Undefined: not in its environment, whatever is in that of the tests. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly workers?: number;
  /** Default: a new directory that goes with the edge. */
  readonly dataDirectory?: string;
  readonly port?: number;
  /** Whether it listens with TLS too. */
  readonly tls?: boolean;
}

/** Starts a real edge, without NATS unless `env` names one, and waits until it is ready. */
export async function startTestEdge(options: TestEdgeOptions = {}): Promise<TestEdge> {
  const directory = options.dataDirectory === undefined ? await temporaryDirectory() : null;
  const dataDirectory = options.dataDirectory ?? directory?.path ?? '';
  if (options.documents !== undefined) {
    const files = new SnapshotFiles(join(dataDirectory, 'snapshots'));
    await files.load();
    await files.compact(options.documents);
  }
  const port = options.port ?? (await freePort());
  const tlsPort = options.tls === true ? await freePort() : 0;
  const started = await startProcess({
    name: 'edge',
    command: process.execPath,
    args: [MAIN],
    env: {
      HEADGATE_NODE_ID: `edge-${port}`,
      HEADGATE_EDGE_LISTEN: `127.0.0.1:${port}`,
      HEADGATE_EDGE_WORKERS: String(options.workers ?? 1),
      HEADGATE_DATA_DIR: dataDirectory,
      HEADGATE_NATS_URL: 'nats://127.0.0.1:1',
      HEADGATE_REDIS_URL: 'redis://127.0.0.1:1',
      // A machine that stands still for a while is no overload of the edge: it would refuse requests, and end connections.
      HEADGATE_EDGE_OVERLOAD_LAG_MS: '60000',
      ...(tlsPort === 0
        ? {}
        : {
            HEADGATE_EDGE_TLS_LISTEN: `127.0.0.1:${tlsPort}`,
            HEADGATE_SECRETS_KEY: SECRETS_KEY_OF_TESTS,
          }),
      ...options.env,
    },
    readyWhen: /"msg":"ready"/,
    readyTimeoutMs: 60_000,
  });
  const ready = started.stdout().find((line) => line.includes('"msg":"ready"')) ?? '{}';
  const { admin } = JSON.parse(ready) as { admin: string }; // written by the edge itself
  return {
    process: started,
    port,
    tlsPort,
    admin: `http://${admin}`,
    dataDirectory,
    async stop() {
      started.kill('SIGKILL');
      await started.exited;
      await directory?.remove();
    },
  };
}
