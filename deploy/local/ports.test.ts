import assert from 'node:assert/strict';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { test, type TestContext } from 'node:test';
import { checkPorts, clusterPorts, EDGES_MAX, PORT_SPAN, type ClusterPorts } from './ports.ts';

function allPorts(ports: ClusterPorts): number[] {
  return Object.values(ports).flat() as number[]; // every member is a port or a list of them
}

test('all edges share one port where the system can, else each has its own', () => {
  assert.deepEqual(clusterPorts(8080, 2, true).edges, [8080, 8080]);
  assert.deepEqual(clusterPorts(8080, 3, false).edges, [8080, 8081, 8082]);
  assert.deepEqual(clusterPorts(8080, 2, true).edgesTls, [8130, 8130]);
});

test('no port is used twice, and none is beyond the span, with the most edges', () => {
  const ports = allPorts(clusterPorts(1000, EDGES_MAX, false));
  assert.equal(new Set(ports).size, ports.length);
  assert.ok(ports.every((port) => port >= 1000 && port <= 1000 + PORT_SPAN));
});

function listen(context: TestContext, port: number): Promise<Server> {
  const server = createServer();
  context.after(() => server.close());
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port, host: '127.0.0.1' }, () => resolve(server));
  });
}

test('a port in use is named with its purpose and the flag that helps', async (t) => {
  const server = await listen(t, 0);
  const { port } = server.address() as AddressInfo; // listens on TCP
  const ports = clusterPorts(port - 31, 1, true);
  // Free ports for the others: only the one of NATS is in use.
  const others: ClusterPorts = {
    ...ports,
    ...{ edges: [], edgesTls: [], edgeAdmins: [], demoEndpoints: [] },
  };
  const free = await Promise.all(Array.from({ length: 4 }, () => listen(t, 0)));
  const [configApi = 0, configAdmin = 0, healthAdmin = 0, redis = 0] = free.map(
    (one) => (one.address() as AddressInfo).port,
  );
  await Promise.all(free.map((one) => new Promise((resolve) => one.close(resolve))));
  await assert.rejects(checkPorts({ ...others, configApi, configAdmin, healthAdmin, redis }), {
    message: new RegExp(`^error: port ${port}, needed for NATS, is in use[^]*--port-base 9000`),
    exitCode: 1,
  });
});
