import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createHttpOrigin, temporaryDirectory, waitFor } from '@headgate/testkit';
import { request } from 'undici';
import { BODY } from '../backend.ts';
import type { Candidate, RunningCandidate } from '../candidate.ts';
import { checkAnswers, checkTlsAnswer } from '../check-answers.ts';
import { startOtlpSink } from '../otlp-sink.ts';
import { REQUEST_PATH, TENANTS } from '../settings.ts';
import { activeHosts, tenantHost } from '../tenant-documents.ts';
import { writeTlsFiles } from '../tls-files.ts';

/**
 * A candidate that is installed here must start, answer with the backend's bytes, spread its requests over all endpoints
 * and end; another must say that it is not installed. Its processes are real.
 *
 * @param headers further header fields of all requests
 */
export async function checkCandidate(
  candidate: Candidate,
  headers: Readonly<Record<string, string>>,
): Promise<void> {
  const missing = await candidate.missing();
  if (missing === null) await checkInstalled(candidate, headers);
  else assert.match(missing, / is not installed$/);
}

async function checkInstalled(
  candidate: Candidate,
  headers: Readonly<Record<string, string>>,
): Promise<void> {
  const seen = new Set<number>();
  const origins = await Promise.all(
    [0, 1, 2].map((index) =>
      createHttpOrigin((_request, response) => {
        seen.add(index);
        response.end(BODY);
      }),
    ),
  );
  const directory = await temporaryDirectory('bench');
  const sink = await startOtlpSink();
  const tls = await writeTlsFiles(directory.path);
  const hosts = Array.from({ length: TENANTS }, (_, index) => tenantHost(index));
  try {
    const running = await candidate.start({
      backendPorts: origins.map((origin) => origin.port),
      hosts,
      path: REQUEST_PATH,
      headers,
      otlpUrl: sink.url,
      tls,
      directory: directory.path,
    });
    try {
      const { tenants, activeTenants } = candidate;
      const active = activeHosts(tenants, Math.min(activeTenants, 2));
      const ask = (): Promise<void> =>
        checkAnswers(running.port, active, { path: REQUEST_PATH, headers, body: BODY });
      for (let time = 0; time < 100 && seen.size < 3; time += 1) await ask();
      assert.equal(seen.size, 3);
      if (running.tlsPort !== undefined) {
        const ca = await readFile(tls.certificate, 'utf8');
        await checkTlsAnswer(running.tlsPort, ca, { path: REQUEST_PATH, headers, body: BODY });
      }
      await waitFor(() => doesItsWork(running, ask), {
        message: 'nothing to be told against its figures',
        deadlineMs: 120_000,
      });
    } finally {
      await running.stop();
    }
    await assert.rejects(request(`http://127.0.0.1:${running.port}/`), { code: 'ECONNREFUSED' });
  } finally {
    await sink.close();
    await Promise.all(origins.map((origin) => origin.close()));
    await directory.remove();
  }
}

/**
 * An edge that is not yet connected to Redis, or is held up by this machine, decides some of its first requests without
 * Redis: too large a share of so few, but not of thousands.
 */
async function doesItsWork(running: RunningCandidate, ask: () => Promise<void>): Promise<boolean> {
  const faults = (await running.findFaults?.()) ?? [];
  if (faults.length === 0) return true;
  for (let time = 0; time < 200; time += 1) await ask();
  throw new Error(faults.join('; '));
}
