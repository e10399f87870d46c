#!/usr/bin/env node
// Runs the command with a Node that reads TypeScript: this one if it is new enough, else the one
// installed with the workspace's packages.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const NODE_MAJOR = 26;
const program = new URL('../src/main.ts', import.meta.url);

if (Number(process.versions.node.split('.')[0]) >= NODE_MAJOR) {
  await import(program.href);
} else {
  const node = fileURLToPath(new URL('../../../node_modules/.bin/node', import.meta.url));
  if (!existsSync(node)) {
    process.stderr.write(
      `error: headgate needs Node ${NODE_MAJOR} or newer; this is ${process.versions.node}.\n` +
        '  Run npm ci in the workspace, which installs one, then this command again.\n',
    );
    process.exit(1);
  }
  const args = [fileURLToPath(program), ...process.argv.slice(2)];
  const child = spawn(node, args, { stdio: 'inherit' });
  // The terminal sends Ctrl-C to both; a signal for this process alone must reach the other.
  for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) {
    process.on(signal, () => child.kill(signal));
  }
  child.on('close', (code, signal) => {
    process.exitCode = code ?? (signal === 'SIGINT' ? 130 : 143);
  });
}
