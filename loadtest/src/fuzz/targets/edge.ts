import { escapeBytes, type TargetSummary } from '../finding.ts';
import { FuzzRandom, inputSeed, type NonEmpty } from '../fuzz-random.ts';
import { readCorpus, requestInput } from '../generate/request-input.ts';
import { splitAtRandom } from '../generate/splits.ts';
import { compareStreams, explainLlhttp } from '../oracles/compare-streams.ts';
import { startReplays, type Replay } from '../oracles/replay.ts';
import { readWithCodec } from '../read/codec-reader.ts';
import { createLlhttpReader } from '../read/llhttp-reader.ts';
import { valuesOf } from '../read/read-request.ts';
import type { EdgeRig } from '../rig/edge-rig.ts';
import { addressOfInput, exchangeRaw, inputOfAddress, proxyHeader } from '../rig/raw-exchange.ts';
import { startRecorder, type RecordedRequest } from '../rig/recorder.ts';
import { checkConnection } from './edge-answers.ts';
import { runInputs, watchEdge } from './edge-run.ts';
import { TargetRun, type TargetOptions } from './target-run.ts';

/** Connections of clients at a time. */
const PARALLEL = 48;

/** Requests of one connection to the backend that are replayed together. */
const WINDOW = 64;

/**
 * Time in ms after which the edge may rightly answer 408, in the middle of a head too: a machine that is overloaded may
 * need so long to send hundreds of pieces.
 */
const SEND_MS_MAX = 5000;

/** Inputs that are sent in one write; the rest is split. */
const WHOLE = 0.6;

/**
 * Sends fuzzed request streams through a real edge to a recording backend. What arrives there must be
 * what the bytes say, no more, and must mean the same to llhttp, HAProxy and nginx.
 */
export async function runEdgeTarget(options: TargetOptions, rig: EdgeRig): Promise<TargetSummary> {
  const run = new TargetRun('edge', options);
  const arrivals = new Map<string, RecordedRequest[]>();
  const windows = new Windows(run);
  const report = (kind: 'violation' | 'difference', detail: string, text: string): void =>
    run.find({ kind, index: -1, detail, input: escapeBytes(Buffer.from(text, 'latin1')) });
  const recorder = await startRecorder({
    onRequest: (request, connection) => {
      const [address = ''] = valuesOf(request.headers, 'x-forwarded-for');
      const waiting = arrivals.get(address);
      if (waiting !== undefined) waiting.push(request);
      else report('violation', `a request of nobody, for ${address}`, request.raw);
      windows.add(request, connection);
    },
    onFault: (fault, text) => report('difference', `the backend got no request: ${fault}`, text),
  });
  try {
    await windows.start();
    await rig.useBackend(recorder.port);
    const corpus = readCorpus('client');
    const { port } = rig;
    const stopWatching = watchEdge(run, rig);
    await runInputs(run, PARALLEL, (index) => sendInput(run, port, index, corpus, arrivals));
    await windows.finish();
    await stopWatching();
    return run.summary();
  } finally {
    await windows.stop();
    await recorder.close();
  }
}

async function sendInput(
  run: TargetRun,
  port: number,
  index: number,
  corpus: NonEmpty<string>,
  arrivals: Map<string, RecordedRequest[]>,
): Promise<void> {
  const random = new FuzzRandom(inputSeed(run.options.seed, 'edge', index));
  const bytes = requestInput(random, corpus);
  const pieces = random.chance(WHOLE) ? [bytes] : splitAtRandom(bytes, random);
  const address = addressOfInput(index);
  const arrived: RecordedRequest[] = [];
  arrivals.set(address, arrived);
  const answer = await exchangeRaw(port, [proxyHeader(index), ...pieces]);
  arrivals.delete(address);
  const detail = checkConnection(readWithCodec([bytes]), arrived, answer, address);
  run.count('requests at the backend', arrived.length);
  if (detail === null) return;
  if (answer.sendMs > SEND_MS_MAX) return run.count('sent too slowly to judge');
  const kind = answer.ending === 'hung' ? 'hang' : 'violation';
  const got = escapeBytes(Buffer.from(answer.text, 'latin1'));
  const full = `${detail}; the client got '${got}' (${answer.ending})`;
  run.find({ kind, index, detail: full, input: escapeBytes(bytes) });
}

/** Collects what the backend got, by its connection, and puts it before the other parsers. */
class Windows {
  readonly #run: TargetRun;
  readonly #llhttp = createLlhttpReader();
  readonly #open = new Map<number, RecordedRequest[]>();
  #replays: readonly Replay[] = [];
  /** Windows under comparison; a run waits when there are too many. */
  #queue: Promise<void> = Promise.resolve();

  constructor(run: TargetRun) {
    this.#run = run;
  }

  async start(): Promise<void> {
    this.#replays = await startReplays({
      onCompared: (name, requests) => this.#run.count(`compared by ${name}`, requests),
      onJustified: (id) => this.#run.count(`justified: ${id}`),
      onDifference: (request, detail) => this.#differs(request, detail),
    });
    for (const name of ['HAProxy', 'nginx']) {
      const missing = !this.#replays.some((replay) => replay.name === name);
      if (missing) this.#run.count(`not installed: ${name}`);
    }
  }

  add(request: RecordedRequest, connection: number): void {
    const window = this.#open.get(connection) ?? [];
    this.#open.set(connection, window);
    window.push(request);
    if (window.length < WINDOW) return;
    this.#open.delete(connection);
    this.#compare(window);
  }

  /** Compares the rest too. */
  async finish(): Promise<void> {
    for (const window of this.#open.values()) this.#compare(window);
    this.#open.clear();
    await this.#queue;
  }

  async stop(): Promise<void> {
    await Promise.all(this.#replays.map((replay) => replay.stop()));
  }

  #compare(window: readonly RecordedRequest[]): void {
    this.#queue = this.#queue.then(async () => {
      await Promise.all([
        this.#compareWithLlhttp(window),
        ...this.#replays.map((replay) => replay.replay(window)),
      ]);
    });
  }

  /** Goes on behind what llhttp stops at for a known reason. */
  async #compareWithLlhttp(window: readonly RecordedRequest[]): Promise<void> {
    for (let rest = window; rest.length > 0;) {
      const bytes = Buffer.from(rest.map(({ raw }) => raw).join(''), 'latin1');
      const theirs = await this.#llhttp.read(bytes);
      const { difference, justified } = compareStreams(rest, theirs, {
        who: 'llhttp',
        exact: true,
        explain: explainLlhttp,
      });
      const seen = Math.min(theirs.requests.length, rest.length);
      this.#run.count('compared by llhttp', seen);
      if (difference !== null) this.#differs(rest[seen] ?? rest[0], difference);
      if (justified !== null) this.#run.count(`justified: ${justified}`);
      rest = rest.slice(seen + 1);
    }
  }

  #differs(request: RecordedRequest | undefined, detail: string): void {
    const [address = ''] = valuesOf(request?.headers ?? [], 'x-forwarded-for');
    const input = escapeBytes(Buffer.from(request?.raw ?? '', 'latin1'));
    this.#run.find({ kind: 'difference', index: inputOfAddress(address), detail, input });
  }
}
