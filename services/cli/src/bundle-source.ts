import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  visit,
  type Alias,
  type Document,
  type Node,
  type YAMLParseError,
} from 'yaml';
import { CliError, EXIT } from './cli-error.ts';
import { isRecord } from './is-record.ts';
import { readText } from './read-text.ts';

/** A place in a file, both numbers from 1. */
export interface SourcePosition {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** A parsed bundle that knows where each of its values was written. */
export interface BundleSource {
  /** What the files say, not yet checked. */
  readonly value: unknown;
  /** For people: the file, or the folder and the number of files. */
  readonly name: string;
  /**
   * Where the value at a path such as `tenants.acme.routes.web.match.path[0]` was written; for a
   * path that is not there, where its nearest parent was.
   */
  locate(path: string): SourcePosition | null;
}

const ALIASES_MAX = 1000;
const FILES_AT_ONCE = 64;
/** JavaScript objects lose this key, or change by it: nothing may be called so. */
const FORBIDDEN_KEY = /(?:^|\.)__proto__$/;
/** Not hidden ones: `.pre-commit-config.yaml` is no bundle. */
const BUNDLE_FILE = /^[^.].*\.(ya?ml|json)$/;

/**
 * Reads a bundle: a YAML or JSON file, `-` for standard input, or a folder, whose files (not those
 * of its subfolders) are put together by plan, shared upstream and tenant.
 *
 * @param what it is, for messages.
 * @throws CliError if it cannot be read, is no YAML, or two files define the same plan, shared upstream or tenant.
 */
export async function readBundleSource(
  path: string,
  stdin: Readable,
  what: 'bundle' | 'template' = 'bundle',
): Promise<BundleSource> {
  if (path === '-') return parseSource('standard input', await readText('standard input', stdin));
  try {
    if (!(await stat(path)).isDirectory()) return parseSource(path, await readText(path));
    const files = await filesOf(path);
    return mergeSources(path, await parseFiles(files));
  } catch (error) {
    if (error instanceof CliError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new CliError(EXIT.failure, `cannot read the ${what}: ${reason}`, [], error);
  }
}

/** A few files at a time: so many are open, and parsed before timers, such as that of the progress, get their turn. */
async function parseFiles(files: readonly string[]): Promise<BundleSource[]> {
  const sources: BundleSource[] = [];
  for (let from = 0; from < files.length; from += FILES_AT_ONCE) {
    const some = files.slice(from, from + FILES_AT_ONCE);
    const read = some.map(async (file) => parseSource(file, await readText(file)));
    sources.push(...(await Promise.all(read)));
  }
  return sources;
}

/** Files of a folder by name, links to files among them: Kubernetes mounts a ConfigMap as links. */
async function filesOf(folder: string): Promise<string[]> {
  const files: string[] = [];
  for (const name of (await readdir(folder)).filter((one) => BUNDLE_FILE.test(one)).sort()) {
    const file = join(folder, name);
    if (!(await stat(file)).isDirectory()) files.push(file);
  }
  if (files.length > 0) return files;
  throw new CliError(EXIT.failure, `${folder} holds no .yaml, .yml or .json file`);
}

/** Parses one file; see {@link readBundleSource}. JSON is read as YAML, which contains it. */
export function parseSource(file: string, text: string): BundleSource {
  const lineCounter = new LineCounter();
  const document = parseDocument(text, { lineCounter, prettyErrors: false });
  const [error] = document.errors;
  if (error !== undefined) {
    const { line, col } = lineCounter.linePos(error.pos[0]);
    throw new CliError(
      EXIT.failure,
      `${file}:${line}:${col}: not valid YAML: ${yamlRule(error, text)}`,
    );
  }
  const offsets = indexOffsets(document);
  const forbidden = [...offsets].find(([path]) => FORBIDDEN_KEY.test(path));
  if (forbidden !== undefined) {
    const { line, col } = lineCounter.linePos(forbidden[1]);
    throw new CliError(EXIT.failure, `${file}:${line}:${col}: "__proto__" cannot be a name here`);
  }
  const loop = findLoop(document);
  if (loop !== null) {
    const { line, col } = lineCounter.linePos(loop);
    throw new CliError(EXIT.failure, `${file}:${line}:${col}: the alias leads back to itself`);
  }
  return {
    name: file,
    value: toValue(file, document, lineCounter),
    locate(path) {
      for (let place = path; ; place = parentPath(place)) {
        const offset = offsets.get(place);
        if (offset !== undefined) {
          const { line, col } = lineCounter.linePos(offset);
          return { file, line, column: col };
        }
        if (place === '') return null;
      }
    },
  };
}

function yamlRule({ code, message, pos }: YAMLParseError, text: string): string {
  if (code === 'MULTIPLE_DOCS') return 'a file holds one document; split it at "---"';
  if (message.startsWith('Maximum call stack')) return 'nested too deeply';
  if (code !== 'DUPLICATE_KEY') return message;
  const [key = ''] = /^(?:"[^"]*"|[^:\s]*)/.exec(text.slice(pos[0])) ?? [];
  return `the key ${key} is there twice; keep one of the two`;
}

/** Offset of an alias within what it stands for, which never ends; null if there is none. */
function findLoop(document: Document.Parsed): number | null {
  let offset: number | null = null;
  visit(document, {
    Alias(_, node, ancestors) {
      const named = ancestors.find((one) => 'anchor' in one && one.anchor === node.source);
      // Looking for what it stands for takes a walk through the file; the name may be used twice.
      if (named === undefined || node.resolve(document) !== named) return undefined;
      offset = node.range?.[0] ?? 0;
      return visit.BREAK;
    },
  });
  return offset;
}

/** Anchors may be used, but not to blow a small file up ("billion laughs"). */
function toValue(file: string, document: Document.Parsed, lineCounter: LineCounter): unknown {
  try {
    return document.toJS({ maxAliasCount: ALIASES_MAX });
  } catch (error) {
    const found = findFaultyAlias(document);
    if (found === null) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new CliError(EXIT.failure, `${file}: ${reason}`, [], error);
    }
    const { line, col } = lineCounter.linePos(found.range?.[0] ?? 0);
    const place = `${file}:${line}:${col}`;
    if (found.resolve(document) === undefined) {
      const what = `${place}: the alias *${found.source} stands for nothing`;
      const advice = `Put the anchor &${found.source} ahead of it, or write the value out.`;
      throw new CliError(EXIT.failure, what, [advice], error);
    }
    const what = `${place}: aliases stand for more than ${ALIASES_MAX} values`;
    const advice = 'Write out what they stand for; anchors within anchors multiply.';
    throw new CliError(EXIT.failure, what, [advice], error);
  }
}

/** The first alias that stands for nothing; else the first within an anchor, where they begin to multiply, or of all. */
function findFaultyAlias(document: Document.Parsed): Alias | null {
  let first: Alias | null = null;
  let multiplying: Alias | null = null;
  let dangling: Alias | null = null;
  const anchors = new Set<string>();
  visit(document, {
    Node(_, node, ancestors) {
      if ('anchor' in node && typeof node.anchor === 'string') anchors.add(node.anchor);
      if (!isAlias(node)) return undefined;
      first ??= node;
      if (ancestors.some((one) => 'anchor' in one && one.anchor !== undefined))
        multiplying ??= node;
      if (anchors.has(node.source)) return undefined;
      dangling = node;
      return visit.BREAK;
    },
  });
  return dangling ?? multiplying ?? first;
}

/** Offset of every value by its path; a key's value is located at the key. */
function indexOffsets(document: Document.Parsed): ReadonlyMap<string, number> {
  const offsets = new Map<string, number>([['', 0]]);
  const visit = (node: Node | null, path: string): void => {
    if (isMap(node)) {
      for (const { key, value } of node.items) {
        const name = isScalar(key) ? String(key.value) : '';
        const child = path === '' ? name : `${path}.${name}`;
        if (isScalar(key) && key.range) offsets.set(child, key.range[0]);
        visit(value as Node | null, child); // the parser makes nodes for all values
      }
    } else if (isSeq(node)) {
      node.items.forEach((item, index) => {
        const child = item as Node; // as above
        if (child.range) offsets.set(`${path}[${index}]`, child.range[0]);
        visit(child, `${path}[${index}]`);
      });
    }
  };
  visit(document.contents, '');
  return offsets;
}

function parentPath(path: string): string {
  return path.slice(0, Math.max(path.lastIndexOf('.'), path.lastIndexOf('['), 0));
}

function mergeSources(folder: string, sources: readonly BundleSource[]): BundleSource {
  const merged: Record<string, unknown> = {};
  const owners = new Map<string, BundleSource>();
  for (const source of sources) {
    if (!isRecord(source.value)) {
      throw new CliError(EXIT.failure, `${source.name}: must hold a bundle (apiVersion, …)`);
    }
    for (const [section, content] of Object.entries(source.value)) {
      if (!joins(merged, section, content)) throw unlike(section, source, owners.get(section));
      owners.set(section, source);
      if (!isRecord(content)) {
        merged[section] = content;
        continue;
      }
      const present = merged[section];
      const target: Record<string, unknown> = isRecord(present) ? present : {};
      for (const [id, item] of Object.entries(content)) {
        claim(owners, `${section}.${id}`, source);
        target[id] = item;
      }
      merged[section] = target;
    }
  }
  return {
    name: `${folder} (${sources.length} files)`,
    value: merged,
    locate(path) {
      for (let place = path; place !== ''; place = parentPath(place)) {
        const owner = owners.get(place);
        if (owner !== undefined) return owner.locate(path);
      }
      return sources[0]?.locate('') ?? null;
    },
  };
}

/** Whether nothing of the section gets lost: it is new, the same value again, or a map beside a map. */
function joins(merged: Readonly<Record<string, unknown>>, section: string, content: unknown) {
  const present = merged[section];
  return present === undefined || present === content || (isRecord(present) && isRecord(content));
}

function unlike(section: string, source: BundleSource, other: BundleSource | undefined): CliError {
  const here = source.locate(section);
  const there = other?.locate(section) ?? null;
  return new CliError(
    EXIT.failure,
    `${here ? formatPosition(here) : source.name}: ${section} is another one in ${there ? formatPosition(there) : 'another file'}`,
    [
      'apiVersion is the same in all files of a folder; plans, upstreams and tenants are maps of ids.',
    ],
  );
}

function claim(owners: Map<string, BundleSource>, path: string, source: BundleSource): void {
  const other = owners.get(path)?.locate(path);
  const here = source.locate(path);
  if (other && here) {
    throw new CliError(
      EXIT.failure,
      `${formatPosition(here)}: ${path} is defined in ${formatPosition(other)} too`,
      ['Keep one of the two.'],
    );
  }
  owners.set(path, source);
}

/** `file:line:column`, as editors and terminals understand it. */
export function formatPosition(position: SourcePosition): string {
  return `${position.file}:${position.line}:${position.column}`;
}
