import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { createHttpOrigin, temporaryDirectory } from '@headgate/testkit';
import { BenchmarkError } from '../../benchmark.ts';
import { findProgram } from '../../find-program.ts';
import { runWrk } from '../../run-wrk.ts';
import { proxyBenchmark } from '../proxy-benchmark.ts';

const { signal } = new AbortController();

test('failed requests are reported: statuses of 400 and more, and broken connections', async () => {
  const program = await findProgram('wrk');
  if (program === null) {
    // Nothing can be measured without wrk: then the benchmark has to say so.
    const run = proxyBenchmark.run({
      quick: true,
      profiles: null,
      candidates: null,
      say: () => undefined,
      signal,
    });
    await assert.rejects(
      run,
      (error) => error instanceof BenchmarkError && /wrk/.test(error.message),
    );
    return;
  }
  const hosts = new Set<string | undefined>();
  const origin = await createHttpOrigin((request, response) => {
    hosts.add(request.headers.host);
    if (request.url === '/broken') request.socket.destroy();
    else response.writeHead(request.url === '/ok' ? 200 : 500).end();
  });
  const directory = await temporaryDirectory('bench');
  try {
    const hostsFile = join(directory.path, 'hosts');
    await writeFile(hostsFile, 'a.example\nb.example\n');
    const load = { program, port: origin.port, hostsFile, connections: 4, seconds: 1, signal };
    const ok = await runWrk({ ...load, path: '/ok' });
    assert.ok(ok.requests > 0);
    assert.equal(ok.failedRequests, 0);
    assert.deepEqual([...hosts].sort(), ['a.example', 'b.example']);
    const failing = await runWrk({ ...load, path: '/fails' });
    assert.ok(failing.requests > 0);
    assert.equal(failing.failedRequests, failing.requests);
    const broken = await runWrk({ ...load, path: '/broken' });
    assert.ok(broken.failedRequests > 0);
  } finally {
    await origin.close();
    await directory.remove();
  }
});
