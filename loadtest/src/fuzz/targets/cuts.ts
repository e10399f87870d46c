import type { Finding, TargetSummary } from '../finding.ts';
import { cutInput, type CutInput } from '../generate/cut-input.ts';
import { cutAt } from '../generate/splits.ts';
import { escapeBytes } from '../finding.ts';
import { readResponse } from '../read/strict-reader.ts';
import type { EdgeRig } from '../rig/edge-rig.ts';
import { probeBody, startHostileBackend, type HostileBackend } from '../rig/hostile-backend.ts';
import { exchangeRaw, proxyHeader, type RawAnswer } from '../rig/raw-exchange.ts';
import { runInputs, watchEdge } from './edge-run.ts';
import { checkAnswers } from './response-answers.ts';
import { TargetRun, type TargetOptions } from './target-run.ts';

/** Connections of clients at a time. */
const PARALLEL = 32;

/** After so many inputs an ordinary request must be answered. */
const PROBE_EVERY = 20;

/** FIN and RST of the client and of the backend after every byte of some exchanges, through a real edge. */
export async function runCutsTarget(options: TargetOptions, rig: EdgeRig): Promise<TargetSummary> {
  const run = new TargetRun('cuts', options);
  const backend = await startHostileBackend({
    inputOf: (index) => cutInput(index).response,
    onReuse: (index) => find(run, 'violation', index, 'its connection carries another request'),
  });
  try {
    await rig.useBackend(backend.port);
    const { port } = rig;
    const stopWatching = watchEdge(run, rig);
    await runInputs(run, PARALLEL, async (index) => {
      await cut(run, port, index, backend);
      if (index % PROBE_EVERY === 0) await probe(run, port, index);
    });
    await stopWatching();
    await probe(run, port, options.from);
    return run.summary();
  } finally {
    await backend.close();
  }
}

async function cut(
  run: TargetRun,
  port: number,
  index: number,
  backend: HostileBackend,
): Promise<void> {
  const input = cutInput(index);
  const { side, how, offset, request, response } = input;
  run.count(`${side} sends ${how}`);
  if (side === 'client') {
    const [sent = Buffer.alloc(0)] = cutAt(request, [offset]);
    const bytes = offset === 0 ? Buffer.alloc(0) : sent;
    const answer = await exchangeRaw(port, [proxyHeader(index), bytes], how);
    const served = backend.takeServed(index);
    const wrong = checkClientCut(input, served, answer);
    if (wrong !== null) find(run, answer.ending === 'hung' ? 'hang' : 'violation', index, wrong);
    return;
  }
  const answer = await exchangeRaw(port, [proxyHeader(index), request]);
  const served = backend.takeServed(index);
  if (answer.ending === 'hung') return find(run, 'hang', index, 'the connection does not end');
  if (response.tunnel) return;
  const { wrong } = checkAnswers(null, response, served, answer);
  if (wrong !== null) find(run, 'violation', index, wrong);
}

/** A request that is not whole is never served; whatever the client gets is whole, or ends in RST. */
function checkClientCut(
  { offset, request, response, how }: CutInput,
  served: number,
  { text, ending }: RawAnswer,
): string | null {
  if (ending === 'hung') return 'the connection does not end';
  const headEnd = request.indexOf('\r\n\r\n') + 4;
  const needed = response.tunnel ? headEnd : request.length;
  if (offset < needed && served > 0) return 'the backend served a part of a request';
  if (how === 'reset' || response.tunnel) return null;
  if (offset === request.length && text === '') return 'no answer to a request that was whole';
  for (let at = 0; at < text.length;) {
    const read = readResponse(text, at, response.method, ending === 'ended');
    if (read === 'incomplete') return ending === 'ended' ? 'an answer is cut without RST' : null;
    if ('fault' in read) return `the client got no HTTP: ${read.fault}`;
    // A POST may meet a connection that the backend is just closing for another input, and is not tried again.
    const unlucky = served === 0 && response.method === 'POST' && read.value.status === 502;
    if (read.value.status >= 500 && !unlucky) {
      return `${read.value.status} while the backend is well`;
    }
    at = read.end;
  }
  return null;
}

async function probe(run: TargetRun, port: number, index: number): Promise<void> {
  const request = `GET /probe/${index} HTTP/1.1\r\nHost: t2.test\r\n\r\n`;
  const { text } = await exchangeRaw(port, [proxyHeader(index), Buffer.from(request)]);
  run.count('probes');
  if (text.startsWith('HTTP/1.1 200 ') && text.endsWith(probeBody(index))) return;
  find(run, 'violation', index, `the probe behind it got ${JSON.stringify(text)}`);
}

function find(run: TargetRun, kind: Finding['kind'], index: number, what: string): void {
  const { name, side, how, offset, request, response } = cutInput(index);
  const detail = `${what} (${name}: the ${side} sends ${how} after ${offset} bytes)`;
  run.find({
    kind,
    index,
    detail,
    input: `${escapeBytes(request)} ⇄ ${escapeBytes(response.bytes)}`,
  });
}
