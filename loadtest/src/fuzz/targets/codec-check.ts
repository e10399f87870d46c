import { FuzzRandom, inputSeed, type NonEmpty } from '../fuzz-random.ts';
import { escapeBytes, type Finding } from '../finding.ts';
import { requestInput } from '../generate/request-input.ts';
import { splitAtRandom, splitEvenly } from '../generate/splits.ts';
import type { CodecReading, ReadWithCodec } from '../read/codec-reader.ts';
import {
  compareStreams,
  explainLlhttp,
  explainLlhttpAtClient,
} from '../oracles/compare-streams.ts';
import type { JustifiedId } from '../oracles/justified.ts';
import type { LlhttpReader } from '../read/llhttp-reader.ts';
import { readRequestsStrictly } from '../read/strict-reader.ts';

/** What one input is checked with. */
export interface CodecCheckDeps {
  readonly read: ReadWithCodec;
  readonly llhttp: LlhttpReader;
  readonly corpus: NonEmpty<string>;
  /** A difference that is known and has its reason. */
  readonly onJustified: (id: JustifiedId) => void;
}

/** What became of one input. */
export interface CodecVerdict {
  /** Requests that the codec accepted. */
  readonly requests: number;
  readonly refused: boolean;
  readonly finding: Finding | null;
}

/** Makes input `index` and puts the codec through all checks with it. */
export async function checkCodecInput(
  seed: number,
  index: number,
  deps: CodecCheckDeps,
): Promise<CodecVerdict> {
  const random = new FuzzRandom(inputSeed(seed, 'codec', index));
  const bytes = requestInput(random, deps.corpus);
  let reading: CodecReading | null = null;
  let fault: { readonly kind: Finding['kind']; readonly detail: string } | null = null;
  try {
    reading = deps.read([bytes]);
    const detail =
      checkSplits(bytes, reading, random, deps) ?? (await checkMeaning(bytes, reading, deps));
    if (detail !== null) fault = { kind: 'difference', detail };
  } catch (error) {
    fault = {
      kind: 'crash',
      detail: error instanceof Error ? (error.stack ?? error.message) : String(error),
    };
  }
  return {
    requests: reading?.requests.length ?? 0,
    refused: (reading?.fault ?? null) !== null,
    finding:
      fault === null ? null : { target: 'codec', index, ...fault, input: escapeBytes(bytes) },
  };
}

/** However the bytes are cut, they mean the same. */
function checkSplits(
  bytes: Buffer,
  whole: CodecReading,
  random: FuzzRandom,
  { read }: CodecCheckDeps,
): string | null {
  const expected = meaningOf(whole);
  const cuts = {
    'byte by byte': splitEvenly(bytes),
    'at random': splitAtRandom(bytes, random),
  };
  for (const [name, pieces] of Object.entries(cuts)) {
    const meaning = meaningOf(read(pieces));
    if (meaning !== expected) return `split ${name}: ${meaning} instead of ${expected}`;
  }
  return null;
}

/** All that a reading says, except for how data was cut into chunks. */
function meaningOf({ requests, fault, end }: CodecReading): string {
  const parts = requests.map(({ method, target, host, headers, body, persistent }) =>
    JSON.stringify([method, target, host, headers, body, persistent]),
  );
  return `${parts.join(' ')} ${fault?.code ?? 'no fault'} ${end}`;
}

/** What was accepted means the same to others, as it came and as it is sent on. */
async function checkMeaning(
  bytes: Buffer,
  reading: CodecReading,
  { llhttp, read, onJustified }: CodecCheckDeps,
): Promise<string | null> {
  const { requests } = reading;
  if (requests.length === 0) return null;
  const sent = requests.filter(({ host }) => host !== '');
  if (sent.length < requests.length) onJustified('codec-no-host');
  const forwarded = Buffer.from(sent.map((request) => request.forwarded).join(''), 'latin1');
  const again = read([forwarded]);
  const comparisons = [
    compareStreams(requests, readRequestsStrictly(bytes.toString('latin1'), true), {
      who: 'strict reader',
      exact: false,
    }),
    compareStreams(requests, await llhttp.read(bytes), {
      who: 'llhttp',
      exact: false,
      explain: explainLlhttpAtClient,
    }),
    compareStreams(
      sent,
      { requests: again.requests, fault: again.fault?.code ?? null },
      { who: 'codec, forwarded', exact: true },
    ),
    compareStreams(sent, readRequestsStrictly(forwarded.toString('latin1'), false), {
      who: 'strict reader, forwarded',
      exact: true,
    }),
    compareStreams(sent, await llhttp.read(forwarded), {
      who: 'llhttp, forwarded',
      exact: true,
      explain: explainLlhttp,
    }),
  ];
  for (const { justified } of comparisons) if (justified !== null) onJustified(justified);
  return comparisons.find(({ difference }) => difference !== null)?.difference ?? null;
}
