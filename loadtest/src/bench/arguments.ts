import { parseArgs } from 'node:util';
import type { Benchmark } from './benchmark.ts';

/** What the command line asks for. */
export type BenchRequest =
  | { readonly kind: 'list' }
  | { readonly kind: 'fault'; readonly message: string }
  | { readonly kind: 'publish'; readonly jsonPath: string }
  | {
      readonly kind: 'run';
      readonly name: string;
      readonly quick: boolean;
      /** File for the report, or null. */
      readonly jsonPath: string | null;
      /** Parts and variants to measure; null: all. */
      readonly profiles: readonly string[] | null;
      readonly candidates: readonly string[] | null;
    };

const OPTIONS = {
  help: { type: 'boolean', short: 'h', default: false },
  quick: { type: 'boolean', default: false },
  json: { type: 'string' },
  profile: { type: 'string', multiple: true },
  candidate: { type: 'string', multiple: true },
} as const;

/** Reads the arguments of `npm run bench -- …`. Never throws. */
export function parseBenchArguments(
  args: readonly string[],
  benchmarks: readonly Pick<Benchmark, 'name' | 'profiles' | 'candidates'>[],
): BenchRequest {
  let parsed;
  try {
    parsed = parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true });
  } catch (error) {
    return fault(error instanceof Error ? error.message : String(error));
  }
  const { values, positionals } = parsed;
  const [name, ...rest] = positionals;
  if (values.help || (name === undefined && args.length === 0)) return { kind: 'list' };
  if (name === undefined) return fault('name a benchmark');
  if (name === 'publish') return publishRequest(args);
  if (rest.length > 0) return fault(`one benchmark at a time; also named: ${rest.join(', ')}`);
  const benchmark = benchmarks.find((candidate) => candidate.name === name);
  if (benchmark === undefined) return fault(`unknown benchmark: ${name}`);
  if (values.json === '') return fault('--json needs the name of a file');
  const profiles = selection('profile', values.profile, benchmark.profiles);
  const candidates = selection('candidate', values.candidate, benchmark.candidates);
  if (typeof profiles === 'string') return fault(profiles);
  if (typeof candidates === 'string') return fault(candidates);
  const { quick, json: jsonPath = null } = values;
  return { kind: 'run', name, quick, jsonPath, profiles, candidates };
}

function publishRequest(args: readonly string[]): BenchRequest {
  const [jsonPath, ...rest] = args.filter((argument) => argument !== 'publish');
  if (jsonPath === undefined || rest.length > 0 || jsonPath.startsWith('-')) {
    return fault('publish needs the file of one report, and takes no options');
  }
  return { kind: 'publish', jsonPath };
}

/** The names given, null if none, or a message about one that is not known. */
function selection(
  option: string,
  texts: readonly string[] | undefined,
  known: readonly string[],
): readonly string[] | string | null {
  if (texts === undefined) return null;
  const names = texts.flatMap((text) => text.split(','));
  const unknown = names.find((name) => !known.includes(name));
  if (unknown === undefined) return names;
  const list = known.length === 0 ? 'there are none here' : `one of ${known.join(', ')}`;
  return `unknown --${option} "${unknown}": ${list}`;
}

function fault(message: string): BenchRequest {
  return { kind: 'fault', message };
}
