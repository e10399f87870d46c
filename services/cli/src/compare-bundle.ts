import type { BundleSource } from './bundle-source.ts';
import type { CommandContext } from './context.ts';
import { checkBundle } from './faults.ts';
import { ApplyReply } from './replies.ts';

/** Large bundles (10,000 tenants) take their time. */
const COMPARE_TIMEOUT_MS = 300_000;

/**
 * What applying a bundle would change, field by field. Nothing is written.
 *
 * @throws CliError if it is not valid, here or for the server.
 */
export function compareBundle(
  { api, terminal }: CommandContext,
  source: BundleSource,
): Promise<ApplyReply> {
  checkBundle(source);
  const comparing = api.send(ApplyReply, {
    method: 'POST',
    path: '/v1/apply?dryRun=true',
    body: source.value,
    timeoutMs: COMPARE_TIMEOUT_MS,
    source,
  });
  return terminal.progress('comparing', comparing);
}
