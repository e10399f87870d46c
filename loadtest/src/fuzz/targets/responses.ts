import { escapeBytes, type TargetSummary } from '../finding.ts';
import { FuzzRandom, inputSeed } from '../fuzz-random.ts';
import { readCorpus } from '../generate/request-input.ts';
import { responseInput, type ResponseInput } from '../generate/response-input.ts';
import { readResponseWithLlhttp } from '../read/llhttp-response.ts';
import type { EdgeRig } from '../rig/edge-rig.ts';
import { startHostileBackend, type HostileBackend } from '../rig/hostile-backend.ts';
import { exchangeRaw, proxyHeader } from '../rig/raw-exchange.ts';
import { runInputs, watchEdge } from './edge-run.ts';
import { checkAnswers, type ClientView } from './response-answers.ts';
import { TargetRun, type TargetOptions } from './target-run.ts';

/** Connections of clients at a time. */
const PARALLEL = 32;

/** Requests and probes through a real edge to a backend that answers with fuzzed bytes. */
export async function runResponsesTarget(
  options: TargetOptions,
  rig: EdgeRig,
): Promise<TargetSummary> {
  const run = new TargetRun('responses', options);
  const corpus = readCorpus('backend');
  const inputOf = (index: number): ResponseInput =>
    responseInput(new FuzzRandom(inputSeed(options.seed, 'responses', index)), corpus);
  const backend = await startHostileBackend({
    inputOf,
    onReuse: (index) =>
      run.find({
        kind: 'violation',
        index,
        detail: 'its connection carries another request',
        input: escapeBytes(inputOf(index).bytes),
      }),
  });
  try {
    await rig.useBackend(backend.port);
    const { port } = rig;
    const stopWatching = watchEdge(run, rig);
    await runInputs(run, PARALLEL, (index) => ask(run, port, index, inputOf(index), backend));
    await stopWatching();
    return run.summary();
  } finally {
    await backend.close();
  }
}

async function ask(
  run: TargetRun,
  port: number,
  index: number,
  input: ResponseInput,
  backend: HostileBackend,
): Promise<void> {
  const answer = await exchangeRaw(port, [proxyHeader(index), requestAndProbe(index, input)]);
  const view = checkAnswers(index, input, backend.takeServed(index), answer);
  const { first, wrong } = view;
  const other = wrong ?? (await compareWithLlhttp(input, answer, view));
  run.count(first === null ? 'aborted' : first.status === 502 ? 'answered 502' : 'passed on');
  if (other === null) return;
  const kind = answer.ending === 'hung' ? 'hang' : 'violation';
  const got = escapeBytes(Buffer.from(answer.text, 'latin1'));
  const how = `${input.method}, HTTP/1.${input.clientMinor}, backend ${input.ending}`;
  const detail = `${other} (${how}); the client got '${got}' (${answer.ending})`;
  run.find({ kind, index, detail, input: escapeBytes(input.bytes) });
}

function requestAndProbe(index: number, { method, clientMinor }: ResponseInput): Buffer {
  const body = method === 'POST' ? 'Content-Length: 2\r\n\r\nhi' : '\r\n';
  return Buffer.from(
    `${method} /r/${index} HTTP/1.${clientMinor}\r\nHost: t1.test\r\n${body}` +
      `GET /probe/${index} HTTP/1.1\r\nHost: t1.test\r\n\r\n`,
  );
}

/** The client's side once more, with the parser that most JavaScript clients use. */
async function compareWithLlhttp(
  input: ResponseInput,
  { text, ending }: { readonly text: string; readonly ending: string },
  { first, firstBytes }: ClientView,
): Promise<string | null> {
  const bytes = Buffer.from(text.slice(0, firstBytes), 'latin1');
  const theirs = await readResponseWithLlhttp(bytes, input.method, ending === 'ended');
  if (first === null) return theirs === null ? null : `llhttp reads a whole ${theirs.status}`;
  if (theirs === null) return `llhttp reads no whole response where there is a ${first.status}`;
  const same = theirs.status === first.status && theirs.body === first.body;
  return same ? null : `llhttp reads ${JSON.stringify(theirs)}`;
}
