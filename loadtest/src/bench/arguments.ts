import { parseArgs } from 'node:util';

/** What the command line asks for. */
export type BenchRequest =
  | { readonly kind: 'list' }
  | { readonly kind: 'fault'; readonly message: string }
  | {
      readonly kind: 'run';
      readonly name: string;
      readonly quick: boolean;
      /** File for the report, or null. */
      readonly jsonPath: string | null;
    };

const OPTIONS = {
  help: { type: 'boolean', short: 'h', default: false },
  quick: { type: 'boolean', default: false },
  json: { type: 'string' },
} as const;

/** Reads the arguments of `npm run bench -- NAME [--quick] [--json FILE]`. Never throws. */
export function parseBenchArguments(
  args: readonly string[],
  names: readonly string[],
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
  if (rest.length > 0) return fault(`one benchmark at a time; also named: ${rest.join(', ')}`);
  if (!names.includes(name)) return fault(`unknown benchmark: ${name}`);
  if (values.json === '') return fault('--json needs the name of a file');
  return { kind: 'run', name, quick: values.quick, jsonPath: values.json ?? null };
}

function fault(message: string): BenchRequest {
  return { kind: 'fault', message };
}
