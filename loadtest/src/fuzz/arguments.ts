import { parseArgs } from 'node:util';
import { TARGETS, type Target } from './finding.ts';

/** Inputs of a full run by target: in proportion to how quick each is. */
const DEFAULT_INPUTS: Readonly<Record<Target, number>> = {
  codec: 700_000,
  edge: 240_000,
  responses: 50_000,
  cuts: 10_000,
};

const DEFAULT_TOTAL = Object.values(DEFAULT_INPUTS).reduce((sum, inputs) => sum + inputs, 0);
const DEFAULT_SEED = 1;
const INPUTS_MAX = 1_000_000_000;

/** What the command line asks for. */
export type FuzzRequest =
  | { readonly kind: 'help' }
  | { readonly kind: 'fault'; readonly message: string }
  | {
      readonly kind: 'run';
      readonly seed: number;
      readonly targets: readonly Target[];
      /** Inputs of each target. */
      readonly inputs: Readonly<Record<Target, number>>;
      /** Bound on the whole run; null for none. */
      readonly seconds: number | null;
      /** This one input alone; null for all. */
      readonly only: number | null;
    };

/** Reads the arguments of `npm run fuzz -- …`. Never throws. */
export function parseFuzzArguments(args: readonly string[]): FuzzRequest {
  let values;
  try {
    ({ values } = parseArgs({
      args: [...args],
      options: {
        help: { type: 'boolean', short: 'h', default: false },
        seed: { type: 'string', default: String(DEFAULT_SEED) },
        inputs: { type: 'string' },
        seconds: { type: 'string' },
        target: { type: 'string', multiple: true, default: [] },
        only: { type: 'string' },
      },
    }));
  } catch (error) {
    return fault(error instanceof Error ? error.message : String(error));
  }
  if (values.help) return { kind: 'help' };
  const unknown = values.target.filter((name) => !isTarget(name));
  if (unknown.length > 0)
    return fault(`--target ${unknown.join(', ')}: not one of ${TARGETS.join(', ')}`);
  const named = values.target.filter(isTarget);
  const targets = named.length === 0 ? TARGETS : TARGETS.filter((target) => named.includes(target));
  const seed = integer(values.seed, 0, 0xffff_ffff);
  const total = integer(values.inputs, 1, INPUTS_MAX);
  const seconds = integer(values.seconds, 1, 86_400);
  const only = integer(values.only, 0, INPUTS_MAX);
  if (seed === undefined || seed === null) return fault('--seed: an integer from 0 to 2^32 - 1');
  if (total === undefined) return fault(`--inputs: an integer from 1 to ${INPUTS_MAX}`);
  if (seconds === undefined) return fault('--seconds: an integer from 1 to 86400');
  if (only === undefined) return fault('--only: the number of an input');
  if (only !== null && targets.length !== 1) return fault('--only needs one --target');
  return { kind: 'run', seed, targets, inputs: shareOut(total, targets), seconds, only };
}

/** Shares a number of inputs out over the targets as the defaults do. */
function shareOut(total: number | null, targets: readonly Target[]): Record<Target, number> {
  const inputs = { ...DEFAULT_INPUTS };
  if (total === null) return inputs;
  const sum = targets.reduce((all, target) => all + DEFAULT_INPUTS[target], 0);
  for (const target of targets) inputs[target] = Math.ceil((total * DEFAULT_INPUTS[target]) / sum);
  return inputs;
}

/** Undefined: not such an integer; null: not given. */
function integer(text: string | undefined, min: number, max: number): number | null | undefined {
  if (text === undefined) return null;
  if (!/^\d{1,10}$/.test(text)) return undefined;
  const value = Number(text);
  return value >= min && value <= max ? value : undefined;
}

function isTarget(name: string): name is Target {
  return (TARGETS as readonly string[]).includes(name);
}

function fault(message: string): FuzzRequest {
  return { kind: 'fault', message };
}

/** Text of `--help`. */
export const FUZZ_USAGE = `Usage: npm run fuzz -- [--seed N] [--inputs N] [--seconds N] [--target NAME]… [--only N]

  --seed N      of the generator, default ${DEFAULT_SEED}; equal seeds make equal inputs
  --inputs N    in all, default ${DEFAULT_TOTAL.toLocaleString('en')}; shared out over the targets
  --seconds N   stop after this time
  --target NAME only this target (may be repeated)
  --only N      only input N of the one target, as findings tell

Targets:
  codec         requests through the parser, in process; compared with llhttp and a reader of the grammar
  edge          requests through a real edge; what its backend got goes through node:http, HAProxy and nginx
  responses     a hostile backend behind a real edge
  cuts          FIN and RST of either side after every byte of some exchanges

Exit codes: 0 no findings, 1 findings, 2 usage.
`;
