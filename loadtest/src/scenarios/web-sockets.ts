import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { startStopwatch } from '@headgate/testkit';
import { WebSocket, WebSocketServer } from 'ws';
import { firstEdge, startCluster, waitForRevision, type Cluster } from '../cluster/cluster.ts';
import { oneTenantBundle, timed, type Check, type Say, type ScenarioResult } from './scenario.ts';

/** Options; the full run opens 1,000 tunnels. */
export interface WebSocketsOptions {
  readonly tunnels: number;
  readonly drainMs: number;
}

const HOST = 'acme.test';
const GOING_AWAY = 1001;
/** Tunnels that are opened at the same time. */
const OPENING_MAX = 50;
const ECHO_WITHIN_MS = 30_000;
/** By when after the deadline of the drain everything has ended. */
const GRACE_MS = 1000;

/** WebSockets through an edge outlive changes of the configuration; a drain ends them in order, at its deadline. */
export async function webSockets(options: WebSocketsOptions, say: Say): Promise<ScenarioResult> {
  const server = new EchoServer();
  const port = await server.listen();
  const cluster = await startCluster({
    edges: 1,
    healthService: false,
    edgeEnv: { HEADGATE_EDGE_DRAIN_MS: String(options.drainMs) },
  });
  const clients: WebSocket[] = [];
  try {
    await applyBundle(cluster, port, {});
    say(`${options.tunnels} WebSockets through one edge`);
    const url = `ws://127.0.0.1:${firstEdge(cluster).port}/echo`;
    const [, openedMs] = await timed(() => openAll(clients, url, options.tunnels));
    const checks = [await echoCheck(`once opened (in ${openedMs.toFixed(0)} ms)`, clients, server)];
    say('another tenant changes');
    await applyBundle(cluster, port, { otherLabel: 'changed' });
    checks.push(await echoCheck("after another tenant's change", clients, server));
    say('their own tenant changes');
    await applyBundle(cluster, port, { otherLabel: 'changed', idleTimeoutMs: 120_000 });
    checks.push(await echoCheck('after a change of their own tenant', clients, server));
    say('the edge is drained');
    checks.push(...(await drain(cluster, clients, server, options)));
    return { name: 'web-sockets', checks };
  } finally {
    for (const client of clients) client.terminate();
    await cluster.stop();
    server.close();
  }
}

/** An endpoint that sends back what it gets. */
class EchoServer {
  connections = 0;
  readonly closeCodes: number[] = [];
  readonly #server = new WebSocketServer({ host: '127.0.0.1', port: 0 });

  async listen(): Promise<number> {
    this.#server.on('connection', (socket) => {
      this.connections += 1;
      socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
      socket.on('error', () => undefined); // its close code tells
      socket.on('close', (code) => this.closeCodes.push(code));
    });
    await once(this.#server, 'listening');
    return (this.#server.address() as AddressInfo).port; // a TCP server that listens
  }

  close(): void {
    for (const socket of this.#server.clients) socket.terminate();
    this.#server.close();
  }
}

async function applyBundle(
  cluster: Cluster,
  port: number,
  change: { readonly otherLabel?: string; readonly idleTimeoutMs?: number },
): Promise<void> {
  const upstream = { connectionsMax: 10_000 };
  const route = { idleTimeoutMs: change.idleTimeoutMs ?? 60_000 };
  const bundle = oneTenantBundle({ host: HOST, ports: [port], upstream, route }) as {
    tenants: Record<string, object>; // as made by the function
  };
  const other = {
    planId: 'standard',
    identity: { hosts: ['other.test'] },
    labels: { state: change.otherLabel ?? 'initial' },
    upstreams: {},
    routes: {},
  };
  const tenants = { ...bundle.tenants, other };
  await waitForRevision(cluster, await cluster.api.apply({ ...bundle, tenants }));
}

async function openAll(clients: WebSocket[], url: string, count: number): Promise<void> {
  while (clients.length < count) {
    const batch = Array.from({ length: Math.min(OPENING_MAX, count - clients.length) }, () => {
      const client = new WebSocket(url, { headers: { Host: HOST } });
      client.on('error', () => undefined); // a client that fails is missing in the counts
      return client;
    });
    clients.push(...batch);
    await Promise.all(
      batch.map((client) => Promise.race([once(client, 'open'), once(client, 'close')])),
    );
  }
}

/** One message of its own through each WebSocket, of sizes that use all three length encodings of frames. */
async function echoCheck(
  when: string,
  clients: readonly WebSocket[],
  server: EchoServer,
): Promise<Check> {
  const echoes = clients.map(async (client, index) => {
    if (client.readyState !== WebSocket.OPEN) return false;
    const size = [10, 1000, 70_000][index % 3] ?? 0;
    const text = `${when} ${index} `.padEnd(size, String(index));
    const signal = AbortSignal.timeout(ECHO_WITHIN_MS);
    client.send(text);
    try {
      const [data] = (await once(client, 'message', { signal })) as [Buffer];
      return data.toString() === text;
    } catch {
      return false; // closed or too late
    }
  });
  const intact = (await Promise.all(echoes)).filter((one) => one).length;
  return {
    rule: `every WebSocket echoes intact ${when}`,
    figure: `${intact} of ${clients.length}, over ${server.connections} connections to the endpoint`,
    passed: intact === clients.length && server.connections === clients.length,
  };
}

async function drain(
  cluster: Cluster,
  clients: readonly WebSocket[],
  server: EchoServer,
  { drainMs }: WebSocketsOptions,
): Promise<Check[]> {
  const startMs = performance.now();
  const stopwatch = startStopwatch();
  const ends = clients.map(async (client) => {
    const [code] = (await once(client, 'close')) as [number];
    return { code, afterMs: performance.now() - startMs, busyMs: stopwatch.elapsedMs() };
  });
  const { component: edge } = firstEdge(cluster);
  const stopped = edge.stop(drainMs + 10_000);
  const echoed = await echoCheck('while the edge drains', clients, server);
  const closed = await Promise.all(ends);
  await stopped;
  const exitMs = stopwatch.stop();
  const inTime = closed.filter(
    ({ afterMs, busyMs }) => afterMs >= drainMs && busyMs < drainMs + GRACE_MS,
  );
  const first = Math.min(...closed.map(({ afterMs }) => afterMs));
  const last = Math.max(...closed.map(({ afterMs }) => afterMs));
  const goingAway = closed.filter(({ code }) => code === GOING_AWAY).length;
  const atServer = server.closeCodes.filter((code) => code === GOING_AWAY).length;
  return [
    echoed,
    {
      rule: `every client sees 1001 at the deadline of ${drainMs} ms, not before`,
      figure: `${goingAway} of ${closed.length} with 1001, from ${first.toFixed(0)} to ${last.toFixed(0)} ms`,
      passed: goingAway === clients.length && inTime.length === clients.length,
    },
    {
      rule: 'the endpoint sees 1001 on every WebSocket',
      figure: `${atServer} of ${clients.length}`,
      passed: atServer === clients.length,
    },
    {
      rule: 'the edge ends with code 0 within a second after the deadline',
      figure: `code ${edge.process.exit()?.code ?? 'none'} after ${exitMs.toFixed(0)} ms`,
      passed: edge.process.exit()?.code === 0 && exitMs < drainMs + GRACE_MS,
    },
  ];
}
