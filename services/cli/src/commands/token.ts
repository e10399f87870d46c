import type { Role } from '@headgate/model';
import { z } from 'zod';
import { assertCanAsk, CliError, EXIT } from '../cli-error.ts';
import type { CommandContext } from '../context.ts';
import { readPages } from '../pages.ts';
import { printValue, tell } from '../print-value.ts';
import { CreatedTokenReply, TokenReply } from '../replies.ts';
import { formatTable, printable } from '../table.ts';

/** Options of `headgate token create`. */
export interface TokenCreateOptions {
  readonly id: string;
  readonly role: Role;
  /** Ids of tenants; `*`: all of them; undefined: none is named. */
  readonly tenants: '*' | readonly string[] | undefined;
  readonly name: string | undefined;
  /** ISO 8601 date and time. */
  readonly expiresAt: string | undefined;
}

const PAGE_SIZE = 500;

/**
 * Creates an access token and prints it, the only time that it can be seen. Standard output holds the
 * token alone, so that a script can take it.
 *
 * @throws CliError if the server refuses.
 */
export async function tokenCreate(
  { api, terminal, output }: CommandContext,
  { id, role, tenants, name, expiresAt }: TokenCreateOptions,
): Promise<void> {
  const created = await api.send(CreatedTokenReply, {
    method: 'POST',
    path: pathOf(id),
    body: {
      role,
      ...(tenants === undefined ? {} : { tenants }),
      ...(name === undefined ? {} : { name }),
      ...(expiresAt === undefined ? {} : { expiresAt }),
    },
  });
  if (printValue({ terminal, output }, created)) return;
  terminal.note('This is the only time the token is shown; keep it in a safe place:');
  terminal.print(created.token);
}

/** Prints all access tokens, expired ones too. @throws CliError for what the server refuses. */
export async function tokenList(context: CommandContext): Promise<void> {
  const { api, terminal } = context;
  const reading = readPages(api, TokenReply, '/v1/access-tokens', PAGE_SIZE);
  const tokens = await terminal.progress('reading access tokens', reading);
  if (printValue(context, tokens)) return;
  if (tokens.length === 0) return terminal.note('There are no access tokens.');
  printTable(context, tokens);
}

/** Prints one access token. @throws CliError for what the server refuses. */
export async function tokenShow(
  context: CommandContext,
  { id }: { readonly id: string },
): Promise<void> {
  const token = await context.api.send(TokenReply, { method: 'GET', path: pathOf(id) });
  if (!printValue(context, token)) printTable(context, [token]);
}

/**
 * Revokes an access token, which cannot be undone. Asks unless `yes`.
 *
 * @throws CliError if nobody can be asked, the answer is no, or the server refuses.
 */
export async function tokenRevoke(
  context: CommandContext,
  { id, yes }: { readonly id: string; readonly yes: boolean },
): Promise<void> {
  const { api, terminal } = context;
  assertCanAsk(yes || terminal.interactive, 'revoke', 'Add --yes to revoke without asking.');
  if (!yes && !(await terminal.confirm(`Revoke the access token ${id} for ever?`))) {
    throw new CliError(EXIT.failure, 'nothing was revoked');
  }
  await api.send(z.unknown(), { method: 'DELETE', path: pathOf(id) });
  printValue(context, { id, revoked: true });
  tell(context, `Access token ${id} is revoked: the next request with it gets 401.`);
}

function pathOf(id: string): string {
  return `/v1/access-tokens/${encodeURIComponent(id)}`;
}

function printTable({ terminal, io }: CommandContext, tokens: readonly TokenReply[]): void {
  const header = ['ID', 'ROLE', 'TENANTS', 'TOKEN', 'EXPIRES', 'CREATED BY', 'NAME'];
  const rows = tokens.map((token) => [
    ...[token.id, token.role, describeTenants(token), `${token.hint}…`],
    describeExpiry(token.expiresAt, io.clock.nowMs()),
    ...[token.createdBy, token.name ?? '-'],
  ]);
  const cells = rows.map((row) => row.map(printable));
  terminal.print(formatTable(header, cells, terminal.colors.bold));
}

function describeTenants({ tenants }: TokenReply): string {
  if (tenants === undefined || tenants === '*') return 'all';
  return tenants.join(',');
}

function describeExpiry(expiresAt: string | undefined, nowMs: number): string {
  if (expiresAt === undefined) return 'never';
  return Date.parse(expiresAt) <= nowMs ? `${expiresAt} (expired)` : expiresAt;
}
