import { createHash } from 'node:crypto';
import { createInterface } from 'node:readline/promises';
import { API_KEY_PREFIX } from '@headgate/model';
import { CliError, EXIT } from '../cli-error.ts';
import type { CommandContext } from '../context.ts';
import { KeyReply } from '../replies.ts';
import type { CliIo, Terminal } from '../terminal.ts';

/** Options of `headgate key create`. */
export interface KeyCreateOptions {
  readonly tenantId: string;
  readonly id: string;
  readonly name: string | undefined;
  /** ISO 8601 date and time. */
  readonly expiresAt: string | undefined;
}

/**
 * Creates an API key and prints it, the only time that it can be seen. Standard output holds the
 * key alone, so that a script can take it.
 *
 * @throws CliError if the server refuses.
 */
export async function keyCreate(
  { api, terminal, output }: CommandContext,
  options: KeyCreateOptions,
): Promise<void> {
  const tenant = encodeURIComponent(options.tenantId);
  const created = await api.send(KeyReply, {
    method: 'POST',
    path: `/v1/tenants/${tenant}/api-keys/${encodeURIComponent(options.id)}`,
    body: {
      ...(options.name === undefined ? {} : { name: options.name }),
      ...(options.expiresAt === undefined ? {} : { expiresAt: options.expiresAt }),
    },
  });
  if (output === 'json') return terminal.print(JSON.stringify(created, null, 2));
  terminal.note('This is the only time the key is shown; keep it in a safe place:');
  terminal.print(created.key);
}

/**
 * Reads a key from standard input and prints its SHA-256, for a bundle.
 *
 * @throws CliError if the input is empty.
 */
export async function keyHash(io: CliIo, terminal: Terminal): Promise<void> {
  const key = (await readKey(io)).trim();
  if (key === '') throw new CliError(EXIT.usage, 'standard input holds no key');
  if (!key.startsWith(API_KEY_PREFIX)) {
    terminal.note(`warning: keys of Headgate start with ${API_KEY_PREFIX}; this one does not.`);
  }
  terminal.print(createHash('sha256').update(key).digest('hex'));
}

/** The first line; at a terminal it is asked for. */
async function readKey(io: CliIo): Promise<string> {
  if (io.stdin.isTTY === true) io.stderr.write('Key: ');
  const lines = createInterface({ input: io.stdin });
  try {
    for await (const line of lines) return line;
    return '';
  } finally {
    lines.close();
  }
}
