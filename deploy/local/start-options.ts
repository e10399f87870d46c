import { isAbsolute, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { Failure } from './bootstrap/failure.mjs';
import { EDGES_MAX, PORT_BASE_DEFAULT, PORT_SPAN } from './ports.ts';

/** Settings of the local cluster. */
export interface StartOptions {
  /** Number of edges, 1 to 9. */
  readonly edges: number;
  /** Port of the gateway; the other ports follow it, see {@link clusterPorts}. */
  readonly portBase: number;
  /** Start with empty data. */
  readonly fresh: boolean;
  /** Absolute path of the folder for data, lock and token. */
  readonly dataDirectory: string;
}

/** What `npm start -- --help` prints. */
export const USAGE = `Usage: npm start -- [options]

Runs a Headgate cluster on this machine until Ctrl-C: Redis, NATS, the config-service, the
health-service, edges that share one port, and three demo endpoints. The first start applies
deploy/local/demo.yaml. Data stays in .headgate/ and is there again at the next start.

Options:
  --edges N        number of edges, 1 to ${EDGES_MAX}                   (default: 2)
  --port-base N    port of the gateway; others follow it    (default: ${PORT_BASE_DEFAULT})
  --fresh          delete what earlier starts left in the data folder first
  --data-dir PATH  folder for data, lock and admin token    (default: .headgate)
  --help           print this text

Ports, from the port base on:
  +0   gateway (all edges)        +21…  admin pages of edge 1, 2, …
  +10  config-service REST API    +30   Redis
  +11  config-service admin       +31   NATS
  +12  health-service admin       +41…  demo endpoints 1, 2, 3

Examples:
  npm start
  npm start -- --edges 3 --port-base 9000
  npm start -- --fresh
`;

/**
 * Reads the command line.
 *
 * @returns null if the usage was asked for.
 * @throws Failure with exit code 2 for anything it does not understand.
 */
export function parseStartOptions(args: readonly string[], root: string): StartOptions | null {
  const values = parse(args);
  if (values.help) return null;
  const portLast = 65_535 - PORT_SPAN;
  const directory = values['data-dir'];
  return {
    edges: integer('--edges', values.edges, 1, EDGES_MAX),
    portBase: integer('--port-base', values['port-base'], 1024, portLast),
    fresh: values.fresh,
    dataDirectory: isAbsolute(directory) ? directory : resolve(root, directory),
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      strict: true,
      allowPositionals: false,
      options: {
        edges: { type: 'string', default: '2' },
        'port-base': { type: 'string', default: String(PORT_BASE_DEFAULT) },
        fresh: { type: 'boolean', default: false },
        'data-dir': { type: 'string', default: '.headgate' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    }).values;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Failure(reason.split('. ')[0] ?? reason, 'Options: npm start -- --help', 2);
  }
}

function integer(flag: string, text: string, min: number, max: number): number {
  const value = /^\d{1,6}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= min && value <= max) return value;
  throw new Failure(
    `${flag} ${text}: must be a whole number from ${min} to ${max}.`,
    'Options: npm start -- --help',
    2,
  );
}
