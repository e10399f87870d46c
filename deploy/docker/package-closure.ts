import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

interface LockedPackage {
  readonly version?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly peerDependenciesMeta?: Readonly<Record<string, { readonly optional?: boolean }>>;
}

/** The part of `package-lock.json` that says which package lies where. Keys are folders. */
export type LockedPackages = Readonly<Record<string, LockedPackage>>;

/** An npm package that a source file of the workspace imports. */
export interface PackageImport {
  readonly name: string;
  /** Folder of the importing file, relative to the workspace. */
  readonly from: string;
}

/** Reads the lock file of the workspace at `root`. */
export async function readLockedPackages(root: string): Promise<LockedPackages> {
  const text = await readFile(join(root, 'package-lock.json'), 'utf8');
  return (JSON.parse(text) as { packages: LockedPackages }).packages; // npm writes this file
}

/**
 * Folders (relative to the workspace) of all npm packages that the imports need, with their dependencies, found as
 * Node finds them. Optional packages that the lock file does not have are left out.
 *
 * @throws Error if a needed package is not in the lock file.
 */
export function packageClosure(
  packages: LockedPackages,
  imports: readonly PackageImport[],
): ReadonlySet<string> {
  const found = new Set<string>();
  const visit = (name: string, from: string, optional: boolean): void => {
    const path = locate(packages, name, from);
    if (path === undefined) {
      if (optional) return;
      throw new Error(`${name}, which ${from} needs, is not in package-lock.json`);
    }
    if (found.has(path)) return;
    found.add(path);
    const entry = packages[path] ?? {};
    for (const needed of Object.keys(entry.optionalDependencies ?? {})) visit(needed, path, true);
    for (const needed of Object.keys(entry.dependencies ?? {})) {
      visit(needed, path, entry.optionalDependencies?.[needed] !== undefined);
    }
    for (const needed of Object.keys(entry.peerDependencies ?? {})) {
      visit(needed, path, entry.peerDependenciesMeta?.[needed]?.optional === true);
    }
  };
  for (const { name, from } of imports) visit(name, from, false);
  return found;
}

/** Looks in `node_modules` of the folder and of each one above it, as Node does. */
function locate(packages: LockedPackages, name: string, from: string): string | undefined {
  for (let folder = from; ; folder = dirname(folder)) {
    const path = folder === '.' ? `node_modules/${name}` : `${folder}/node_modules/${name}`;
    if (Object.hasOwn(packages, path)) return path;
    if (folder === '.') return undefined;
  }
}

/** `node_modules/a` for `services/x/node_modules/a`: packages of a workspace move to the top of the bundle. */
export function bundledPath(path: string): string {
  return path.slice(path.indexOf('node_modules/'));
}
