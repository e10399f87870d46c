import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';

const ROOT = join(import.meta.dirname, '../..');

interface LockedPackage {
  readonly resolved?: string;
  readonly integrity?: string;
  readonly link?: boolean;
  readonly inBundle?: boolean;
}

test('the lock file names no registry, so that it works with every mirror', async () => {
  const text = await readFile(join(ROOT, 'package-lock.json'), 'utf8');
  const { packages } = JSON.parse(text) as { packages: Record<string, LockedPackage> };
  const entries = Object.entries(packages);
  assert.ok(entries.length > 100, 'the lock file lists the packages');
  for (const [path, { resolved, integrity, link, inBundle }] of entries) {
    if (!path.startsWith('node_modules/') && !path.includes('/node_modules/')) continue;
    if (link === true) {
      assert.match(resolved ?? '', /^(libs|services|deploy|loadtest)\b/, path);
      continue;
    }
    assert.equal(resolved, undefined, `${path} has a "resolved" URL; install without it`);
    if (inBundle !== true) assert.match(integrity ?? '', /^sha512-/, `${path} has no checksum`);
  }
});

test('npm settings in the tree name no registry', async () => {
  for (const file of ['.npmrc', 'package.json', '.yarnrc.yml']) {
    const text = await readFile(join(ROOT, file), 'utf8').catch(() => '');
    assert.doesNotMatch(text, /registry/i, file);
  }
});

test('every dependency is pinned to one version', async () => {
  const text = await readFile(join(ROOT, 'package-lock.json'), 'utf8');
  const { packages } = JSON.parse(text) as { packages: Record<string, LockedPackage> };
  const paths = Object.keys(packages).filter((path) => !path.includes('node_modules'));
  for (const path of paths) {
    const { dependencies = {}, devDependencies = {} } = await manifest(join(path, 'package.json'));
    for (const [name, range] of Object.entries({ ...dependencies, ...devDependencies })) {
      // Workspaces depend on each other as '*'; TypeScript may take patches.
      const allowed = name.startsWith('@headgate/') ? /^\*$/ : /^~?\d+\.\d+\.\d+(-[\w.]+)?$/;
      assert.match(range, allowed, `${path}: ${name}`);
    }
  }
});

interface Manifest {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

async function manifest(path: string): Promise<Manifest> {
  return JSON.parse(await readFile(join(ROOT, path), 'utf8')) as Manifest;
}
