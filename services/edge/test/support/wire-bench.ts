import {
  createRecordingOrigin,
  type OriginConnection,
  type RecordedRequest,
  type RecordingOrigin,
} from '@headgate/testkit';
import type { WireDocument } from '../../src/ipc/wire-document.ts';
import { planDocument, startTestEdge, tenantDocument, type TestEdge } from './edge-process.ts';
import { endpointsAt, routeTo } from './one-tenant-edge.ts';
import { OK } from './plain-messages.ts';
import { targetOf, valuesOf } from './recorded-head.ts';

/** How long the routes for cases that stop half-way wait; the others as long as by default, whatever a busy machine takes. */
const IMPATIENT_MS = 1000;
/** What a busy machine takes for the longest head, byte by byte, with two dozen cases at once. */
const PATIENT = { HEADGATE_EDGE_HEADER_TIMEOUT_MS: '120000' };

/**
 * Two edges, with and without the PROXY protocol, that serve t1.test, t2.test and further tenants from one recording
 * origin. As pools belong to a tenant, what a bad answer leaves on a connection meets that tenant's requests only.
 */
export interface WireBench {
  readonly origin: RecordingOrigin;
  readonly edge: TestEdge;
  readonly proxyEdge: TestEdge;
  /** Answers the request with this mark in its target otherwise than with 200. */
  script(mark: string, answer: (connection: OriginConnection) => Promise<void>): void;
  /** Complete requests that the origin got, by their `X-Request-Id`. */
  requestIds(): ReadonlyMap<string, RecordedRequest>;
  stop(): Promise<void>;
}

/** Starts a bench. @param tenantIds of the further tenants; their hosts are `<id>.test`. */
export async function startWireBench(tenantIds: readonly string[]): Promise<WireBench> {
  const origin = await createRecordingOrigin();
  const ids = new Map<string, RecordedRequest>();
  let indexed = 0;
  const scripts = new Map<string, (connection: OriginConnection) => Promise<void>>();
  origin.respondWith(async (request, connection) => {
    const mark = /\?mark=([^&]*)/.exec(targetOf(request))?.[1] ?? '';
    const answer = scripts.get(mark);
    if (answer === undefined) return OK;
    await answer(connection);
    return undefined;
  });
  const documents = benchDocuments(origin.port, ['t1', 't2', ...tenantIds]);
  const [edge, proxyEdge] = await Promise.all([
    startTestEdge({ documents, env: PATIENT }),
    startTestEdge({ documents, env: { ...PATIENT, HEADGATE_EDGE_PROXY_PROTOCOL: 'v2' } }),
  ]);
  return {
    origin,
    edge,
    proxyEdge,
    script: (mark, answer) => void scripts.set(mark, answer),
    requestIds() {
      for (const request of origin.requests.slice(indexed)) {
        ids.set(valuesOf(request, 'x-request-id')[0] ?? '', request);
      }
      indexed = origin.requests.length;
      return ids;
    },
    async stop() {
      await origin.close();
      await Promise.all([edge.stop(), proxyEdge.stop()]);
    },
  };
}

function benchDocuments(port: number, tenantIds: readonly string[]): WireDocument[] {
  const upstreams = { backend: { endpoints: endpointsAt(port) } };
  const route = (prefix: string, settings: object) =>
    routeTo('backend', prefix, { requestBodyBytesMax: 1_048_576, ...settings });
  const routes = {
    p: route('/p', {}),
    g: route('/g', { retries: 0 }),
    impatient: route('/impatient', {
      idleTimeoutMs: IMPATIENT_MS,
      perTryTimeoutMs: IMPATIENT_MS,
      retries: 0,
    }),
    rest: route('/', {}),
  };
  const tenants = tenantIds.map((id) =>
    tenantDocument({ id, hosts: [`${id}.test`], upstreams, routes }),
  );
  return [planDocument(), ...tenants];
}
