import { cp, copyFile, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { basename, dirname, extname, join, relative } from 'node:path';
import { build as runEsbuild, type Metafile, type Plugin } from 'esbuild';
import {
  bundledPath,
  packageClosure,
  readLockedPackages,
  type PackageImport,
} from './package-closure.ts';

/** What a bundle holds, for messages and tests. */
export interface BundleReport {
  /** Files beside `main.js` that the program reads at run time. */
  readonly assets: readonly string[];
  /** Folders below the bundle that hold npm packages. */
  readonly packages: readonly string[];
}

const ROOT = join(import.meta.dirname, '../..');

/** Files that code reads at run time from the folder it lies in. */
const ASSET_EXTENSIONS = new Set(['.lua', '.sql', '.wasm']);

/**
 * Writes a program of `services/` to a folder that runs on its own with `node main.js`: the workspace's code in a
 * few files made by esbuild, assets beside them, and the npm packages it needs (production only, the locked
 * versions) in `node_modules`. npm packages stay outside the bundle, as some read files of their own.
 *
 * @param outFolder is emptied first.
 * @throws Error if the code does not build, or if two packages or assets would overwrite each other.
 */
export async function bundleProgram(program: string, outFolder: string): Promise<BundleReport> {
  await rm(outFolder, { recursive: true, force: true });
  await mkdir(outFolder, { recursive: true });
  const metafile = await compile(join(ROOT, 'services', program, 'src/main.ts'), outFolder);
  const assets = await copyAssets(metafile, outFolder);
  const packages = await copyPackages(metafile, outFolder);
  const manifest = { name: `headgate-${program}`, private: true, type: 'module' };
  await writeFile(join(outFolder, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
  return { assets, packages };
}

/** Builds the program and each program that it starts by `new URL('….ts', import.meta.url)`. */
async function compile(main: string, outFolder: string): Promise<Metafile> {
  const entries = new Map([[main, 'main']]);
  for (;;) {
    const entriesBefore = entries.size;
    const { metafile } = await runEsbuild({
      entryPoints: [...entries].map(([path, name]) => ({ in: path, out: name })),
      outdir: outFolder,
      absWorkingDir: ROOT,
      bundle: true,
      splitting: true,
      chunkNames: 'chunk-[hash]',
      format: 'esm',
      platform: 'node',
      target: 'node26',
      packages: 'external',
      sourcemap: 'linked',
      sourcesContent: false,
      metafile: true,
      logLevel: 'warning',
      plugins: [resolveLibraries, followFileUrls(entries)],
    });
    if (entries.size === entriesBefore) return metafile;
  }
}

const resolveLibraries: Plugin = {
  name: 'headgate-libraries',
  setup(build) {
    build.onResolve({ filter: /^@headgate\// }, ({ path }) => ({
      path: join(ROOT, 'libs', path.slice('@headgate/'.length), 'src/index.ts'),
    }));
  },
};

/** All output lies in one folder, so that a URL relative to a source file becomes one beside the bundle. */
function followFileUrls(entries: Map<string, string>): Plugin {
  return {
    name: 'headgate-file-urls',
    setup(build) {
      build.onLoad({ filter: /[\\/](libs|services)[\\/].*\.ts$/ }, async ({ path }) => {
        const source = await readFile(path, 'utf8');
        const contents = source.replace(
          /new URL\(\s*['"`]([^'"`]+)\.ts['"`],\s*import\.meta\.url,?\s*\)/g,
          (_match, target: string) => {
            const file = join(dirname(path), `${target}.ts`);
            const name =
              entries.get(file) ??
              relative(join(ROOT, 'services'), file).replaceAll(/[\\/]/g, '-').replace(/\.ts$/, '');
            entries.set(file, name);
            return `new URL('./${name}.js', import.meta.url)`;
          },
        );
        return { contents, loader: 'ts' };
      });
    },
  };
}

async function copyAssets(metafile: Metafile, outFolder: string): Promise<string[]> {
  const folders = new Set(Object.keys(metafile.inputs).map((path) => dirname(path)));
  const copied: string[] = [];
  for (const folder of folders) {
    for (const name of await readdir(join(ROOT, folder))) {
      if (!ASSET_EXTENSIONS.has(extname(name))) continue;
      if (copied.includes(name)) throw new Error(`two assets are named ${name}; rename one`);
      await copyFile(join(ROOT, folder, name), join(outFolder, name));
      copied.push(name);
    }
  }
  return copied;
}

async function copyPackages(metafile: Metafile, outFolder: string): Promise<string[]> {
  const locked = await readLockedPackages(ROOT);
  const copied = new Map<string, string>();
  for (const path of packageClosure(locked, externalImports(metafile))) {
    // Optional packages for other platforms are locked but not installed.
    if (!existsSync(join(ROOT, path))) continue;
    const target = bundledPath(path);
    const other = copied.get(target);
    if (other !== undefined) throw new Error(`${path} and ${other} cannot both be ${target}`);
    copied.set(target, path);
    await cp(join(ROOT, path), join(outFolder, target), {
      recursive: true,
      filter: isNeededAtRunTime,
    });
  }
  return [...copied.keys()];
}

/** Nested packages are copied on their own; types and source maps are for developers. */
function isNeededAtRunTime(source: string): boolean {
  return basename(source) !== 'node_modules' && !/\.(map|d\.[cm]?ts)$/.test(source);
}

/** npm packages that the built files import (not those that only types came from). */
function externalImports(metafile: Metafile): PackageImport[] {
  return Object.entries(metafile.inputs).flatMap(([file, { imports }]) =>
    imports
      .filter(({ external, path }) => external === true && !path.startsWith('node:'))
      .map(({ path }) => ({ name: packageName(path), from: dirname(file) })),
  );
}

/** `@scope/name` or `name` of an import such as `name/sub/path`. */
function packageName(specifier: string): string {
  return specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
}
