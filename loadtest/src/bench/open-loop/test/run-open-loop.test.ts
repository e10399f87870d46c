import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { createHttpOrigin, temporaryDirectory } from '@headgate/testkit';
import { runOpenLoop } from '../run-open-loop.ts';

// The generator as a real process against a real server.

const { signal } = new AbortController();

test('the generator keeps its rate, names all hosts in turn, and counts failures', async () => {
  const seen = new Map<string, number>();
  const origin = await createHttpOrigin((request, response) => {
    const { host = '' } = request.headers;
    seen.set(host, (seen.get(host) ?? 0) + 1);
    response.writeHead(host === 'bad.example' ? 500 : 200, { 'content-length': 2 }).end('ok');
  });
  const directory = await temporaryDirectory('bench');
  try {
    const hostsFile = join(directory.path, 'hosts');
    await writeFile(hostsFile, 'a.example\nb.example\nbad.example\n');
    const times = { perSecond: 300, settleSeconds: 0.2, measureSeconds: 0.8, seed: 1 };
    const run = { ports: [origin.port], hostsFile, path: '/', connections: 400, ...times };
    const report = await runOpenLoop(run, signal);
    const { answered, measured, failed, dropped } = report;
    assert.ok(Math.abs(answered - 300) < 60, `${answered} of 300`);
    assert.ok(measured < answered && measured > answered / 2, `${measured} of ${answered}`);
    assert.equal(dropped, 0);
    assert.equal(
      answered,
      [...seen.values()].reduce((sum, count) => sum + count, 0),
    );
    assert.ok(Math.abs(failed - measured / 3) <= 1, `${failed} of ${measured}: every third`);
    const counts = [...seen.values()];
    assert.equal(counts.length, 3);
    assert.ok(Math.max(...counts) - Math.min(...counts) <= 1);
    assert.ok(report.p50Ms > 0 && report.p99Ms >= report.p50Ms);
    assert.ok(report.p99FromScheduleMs >= report.p99Ms);
  } finally {
    await origin.close();
    await directory.remove();
  }
});

test('a server that is not there is an error, not a figure', async () => {
  const directory = await temporaryDirectory('bench');
  try {
    const hostsFile = join(directory.path, 'hosts');
    await writeFile(hostsFile, 'a.example\n');
    const times = { perSecond: 100, settleSeconds: 0, measureSeconds: 0.2, seed: 1 };
    const run = { ports: [1], hostsFile, path: '/', connections: 2, ...times };
    await assert.rejects(runOpenLoop(run, signal), /no percentile 50 of 0 values/);
  } finally {
    await directory.remove();
  }
});
