import type { CommandContext } from '../context.ts';
import { assertConverged, convergenceQuery, convergenceText } from '../convergence.ts';
import { printValue, tell } from '../print-value.ts';
import { specOf, TenantReply } from '../replies.ts';

/** What becomes of a tenant: every request gets 403, or it is served. */
export type TenantStatus = 'suspended' | 'active';

/** Options of `headgate suspend` and `headgate resume`. */
export interface SetStatusOptions {
  readonly tenantId: string;
  readonly status: TenantStatus;
  /** Wait until all live edges have the change, at most so many ms; null: do not wait. */
  readonly waitMs: number | null;
}

const TIMEOUT_MS = 30_000;
const MEANING = {
  suspended: 'is suspended: every request gets 403',
  active: 'is active: its requests are served',
} as const satisfies Record<TenantStatus, string>;

/**
 * Suspends a tenant, or resumes it; all else of it stays as it is. One that has the status already
 * is written too, which changes nothing, so that waiting for the edges means the same.
 *
 * @throws CliError for what the server refuses (a change by somebody else in between is), or if the
 * edges do not get the change in time.
 */
export async function setStatus(context: CommandContext, options: SetStatusOptions): Promise<void> {
  const { tenantId, status, waitMs } = options;
  const { isSame, ...reply } = await writeStatus(context, options);
  const told = isSame ? ' It was so before.' : ` Revision ${reply.revision}.`;
  printValue(context, reply);
  tell(context, `Tenant ${tenantId} ${MEANING[status]}.${told}${convergenceText(reply)}`);
  assertConverged(reply, waitMs);
}

/**
 * Writes the status of a tenant as {@link setStatus} does, and prints nothing.
 *
 * @returns the tenant as it is now; `isSame`: it had the status already.
 */
export async function writeStatus(
  { api, terminal }: CommandContext,
  { tenantId, status, waitMs }: SetStatusOptions,
): Promise<TenantReply & { readonly isSame: boolean }> {
  const path = `/v1/tenants/${encodeURIComponent(tenantId)}`;
  const tenant = await api.send(TenantReply, { method: 'GET', path });
  const written = api.send(TenantReply, {
    method: 'PUT',
    path: `${path}${convergenceQuery(waitMs)}`,
    body: { ...specOf(tenant), status },
    headers: { 'if-match': `"${tenant.revision}"` },
    timeoutMs: TIMEOUT_MS + (waitMs ?? 0),
  });
  const reply = await terminal.progress('writing the status', written);
  return { ...reply, isSame: reply.revision === tenant.revision };
}
