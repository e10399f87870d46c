import type { BundleSource } from './bundle-source.ts';
import { RefusalError } from './cli-error.ts';
import type { CommandContext } from './context.ts';
import { checkBundle } from './faults.ts';
import { ApplyReply } from './replies.ts';

/** Large bundles (10,000 tenants) take their time. */
const COMPARE_TIMEOUT_MS = 300_000;

/**
 * What applying a bundle would change, field by field. Nothing is written, and a credential that only reads will do.
 *
 * @throws CliError if it is not valid, or names what the credential does not see.
 */
export function compareBundle(context: CommandContext, source: BundleSource): Promise<ApplyReply> {
  checkBundle(source);
  return send(context, source, '/v1/compare');
}

/**
 * As {@link compareBundle}, and whether the server would take the bundle. A credential that may not apply is told
 * what differs alone, and that it was so.
 *
 * @throws CliError if it is not valid, here or for the server.
 */
export async function planBundle(
  context: CommandContext,
  source: BundleSource,
): Promise<ApplyReply> {
  checkBundle(source);
  try {
    return await send(context, source, '/v1/apply?dryRun=true');
  } catch (error) {
    if (!(error instanceof RefusalError) || !isForRolesThatApply(error)) throw error;
    context.terminal.note(
      'This credential may not apply: whether hosts, API keys and plans are free for it was not checked.',
    );
    return compareBundle(context, source);
  }
}

/** Not when the role may apply, but not this bundle: then there are faults. */
function isForRolesThatApply({ problem }: RefusalError): boolean {
  return problem.code === 'HG_API_FORBIDDEN' && problem.errors.length === 0;
}

function send(
  { api, terminal }: CommandContext,
  source: BundleSource,
  path: string,
): Promise<ApplyReply> {
  const timeoutMs = COMPARE_TIMEOUT_MS;
  const request = { method: 'POST', path, body: source.value, timeoutMs, source } as const;
  return terminal.progress('comparing', api.send(ApplyReply, request));
}
