import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';

/** The parts of a compose service that the checks read. */
export interface ComposeService {
  readonly image: string;
  readonly build?: { readonly dockerfile?: string };
  readonly environment?: Readonly<Record<string, string>>;
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly healthcheck?: object;
  readonly networks: readonly string[];
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
  readonly read_only?: boolean;
  readonly security_opt?: readonly string[];
  readonly deploy?: { readonly resources?: { readonly limits?: Readonly<Record<string, string>> } };
}

/** A compose file with its anchors and merges resolved. */
export interface ComposeFile {
  readonly services: Readonly<Record<string, ComposeService>>;
  readonly networks: Readonly<Record<string, unknown>>;
  readonly volumes: Readonly<Record<string, unknown>>;
}

const ROOT = join(import.meta.dirname, '../..');

/** Reads `docker-compose.yml`. */
export async function readComposeFile(): Promise<ComposeFile> {
  // compose.test.ts checks the whole file against the schema of the Compose Specification.
  return parse(await readText('docker-compose.yml'), { merge: true }) as ComposeFile;
}

/** Reads a file of the repository. */
export function readText(path: string): Promise<string> {
  return readFile(join(ROOT, path), 'utf8');
}
