import { createHash } from 'node:crypto';
import { createServer, request as httpRequest, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { treeRssBytes } from '../bench/process-tree.ts';
import { firstEdge, startCluster, waitForRevision, type Cluster } from '../cluster/cluster.ts';
import { oneTenantBundle, type Check, type Say, type ScenarioResult } from './scenario.ts';

/** Options; the full run moves 1 GiB each way. */
export interface BigBodiesOptions {
  readonly bytes: number;
  /** How fast the slow peer reads, in bytes per second. */
  readonly slowBytesPerSecond: number;
}

const GROWTH_BYTES_MAX = 64 * 1024 * 1024;
const BLOCK = Buffer.alloc(65_536, 'headgate ');

/** Large bodies through one edge, with a slow reader on either side: nothing piles up, and every byte arrives. */
export async function bigBodies(options: BigBodiesOptions, say: Say): Promise<ScenarioResult> {
  const received: { sha256: string } = { sha256: '' };
  const server = createServer((request, response) => {
    const work =
      request.method === 'PUT'
        ? hashOf(request, options.slowBytesPerSecond).then((sha256) => {
            received.sha256 = sha256;
            response.end('ok');
          })
        : pipeline(blocks(options.bytes), response);
    work.catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo; // a TCP server that listens
  const cluster = await startCluster({ edges: 1, healthService: false });
  try {
    const route = { idleTimeoutMs: 60_000 };
    const bundle = oneTenantBundle({ host: 'acme.test', ports: [port], route });
    await waitForRevision(cluster, await cluster.api.apply(bundle));
    const expected = await hashOf(blocks(options.bytes), Infinity);
    say(`upload of ${options.bytes} bytes to a slow endpoint`);
    const upload = await watchMemory(cluster, () => put(cluster, options.bytes));
    say(`download of ${options.bytes} bytes by a slow client`);
    let downloaded = '';
    const download = await watchMemory(cluster, async () => {
      downloaded = await get(cluster, options.slowBytesPerSecond);
    });
    return {
      name: 'big-bodies',
      checks: [
        check('upload, slow endpoint', upload, received.sha256 === expected),
        check('download, slow client', download, downloaded === expected),
      ],
    };
  } finally {
    await cluster.stop();
    server.closeAllConnections();
    server.close();
  }
}

function check(rule: string, growthBytes: number, equal: boolean): Check {
  return {
    rule: `${rule}: RSS grows at most 64 MiB, checksums equal`,
    figure: `RSS +${(growthBytes / 1_048_576).toFixed(1)} MiB, checksum ${equal ? 'equal' : 'DIFFERS'}`,
    passed: growthBytes <= GROWTH_BYTES_MAX && equal,
  };
}

/** Most memory that the edge's processes hold during the work beyond what they held before. */
async function watchMemory(cluster: Cluster, work: () => Promise<void>): Promise<number> {
  const { pid } = firstEdge(cluster).component.process;
  const before = await treeRssBytes(pid);
  let most = before;
  const timer = setInterval(() => {
    void treeRssBytes(pid).then((bytes) => (most = Math.max(most, bytes)));
  }, 100);
  try {
    await work();
  } finally {
    clearInterval(timer);
  }
  return most - before;
}

function blocks(bytes: number): Readable {
  let left = bytes;
  return new Readable({
    highWaterMark: BLOCK.length,
    read() {
      const size = Math.min(left, BLOCK.length);
      left -= size;
      this.push(size === 0 ? null : BLOCK.subarray(0, size));
    },
  });
}

/** Reads at most at the given speed and hashes. */
async function hashOf(source: Readable, bytesPerSecond: number): Promise<string> {
  const hash = createHash('sha256');
  const startMs = performance.now();
  let total = 0;
  const slow = new Transform({
    highWaterMark: BLOCK.length,
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      total += chunk.length;
      const aheadMs = (total * 1000) / bytesPerSecond - (performance.now() - startMs);
      if (aheadMs > 5) setTimeout(done, aheadMs);
      else done();
    },
  });
  slow.resume();
  await pipeline(source, slow);
  return hash.digest('hex');
}

function requestTo(cluster: Cluster, method: string, headers: Record<string, string>) {
  const { port } = firstEdge(cluster);
  return httpRequest({
    host: '127.0.0.1',
    port,
    method,
    path: '/body',
    headers: { host: 'acme.test', ...headers },
  });
}

async function put(cluster: Cluster, bytes: number): Promise<void> {
  const request = requestTo(cluster, 'PUT', { 'content-length': String(bytes) });
  const answered = new Promise<IncomingMessage>((resolve, reject) => {
    request.once('response', resolve);
    request.once('error', reject);
  });
  await pipeline(blocks(bytes), request);
  (await answered).resume();
}

async function get(cluster: Cluster, bytesPerSecond: number): Promise<string> {
  const request = requestTo(cluster, 'GET', {});
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    request.once('response', resolve);
    request.once('error', reject);
    request.end();
  });
  return hashOf(response, bytesPerSecond);
}
