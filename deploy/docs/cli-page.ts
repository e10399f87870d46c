import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { pageHead } from './markdown.ts';
import { WORKSPACE_ROOT } from './workspace-root.ts';

const run = promisify(execFile);

/** `docs/reference/cli.md`: the help texts of the `headgate` command. */
export async function renderCliPage(): Promise<string> {
  const head = pageHead(
    'The headgate command',
    'The help texts, as `headgate --help` prints them.',
  );
  return [head, ...(await helpBlocks([]))].join('\n');
}

/** Help of a command, then of the commands below it. */
async function helpBlocks(command: readonly string[]): Promise<string[]> {
  const help = await helpOf(command);
  const below = await Promise.all(commandNames(help).map((name) => helpBlocks([...command, name])));
  return [block(['headgate', ...command].join(' '), help), ...below.flat()];
}

async function helpOf(command: readonly string[]): Promise<string> {
  const entry = join(WORKSPACE_ROOT, 'services/cli/src/main.ts');
  const env = { PATH: process.env['PATH'], COLUMNS: '100', NO_COLOR: '1' };
  const { stdout } = await run(process.execPath, [entry, ...command, '--help'], { env });
  return stdout;
}

/** Names below `Commands:` of a help text, if it has any; `help` itself is left out. */
function commandNames(help: string): string[] {
  const [, list = ''] = help.split(/^Commands:$/m);
  const names = [...list.matchAll(/^ {2}([a-z][a-z-]*)/gm)].map(([, name = '']) => name);
  return names.filter((name) => name !== 'help');
}

function block(title: string, help: string): string {
  return `## ${title}\n\n\`\`\`text\n${help.trimEnd()}\n\`\`\`\n`;
}
