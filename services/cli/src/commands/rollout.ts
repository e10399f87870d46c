import type { RolloutPlan, TenantBundle } from '@headgate/model';
import type { z } from 'zod';
import type { ApiRequest } from '../api-client.ts';
import { readBundleSource, type BundleSource } from '../bundle-source.ts';
import { CliError, EXIT } from '../cli-error.ts';
import type { CommandContext } from '../context.ts';
import { checkBundle } from '../faults.ts';
import { printValue } from '../print-value.ts';
import { formatRollout } from '../rollout-format.ts';
import { RolloutReply } from '../rollout-reply.ts';

/** Options of `headgate rollout start`. */
export interface RolloutStartOptions {
  readonly tenantId: string;
  /** A bundle that holds the tenant. */
  readonly file: string;
  /** Without what the user left to the server. */
  readonly plan: z.input<typeof RolloutPlan>;
}

/** What may be asked of a rollout that is there. */
export type RolloutAction =
  | { readonly name: 'promote'; readonly from: string | undefined }
  | { readonly name: 'pause' | 'resume' }
  | { readonly name: 'abort'; readonly reason: string | undefined };

/**
 * Starts a rollout of a tenant to what a bundle says of it.
 *
 * @throws CliError if the bundle is not valid or lacks the tenant, or the server refuses.
 */
export async function rolloutStart(
  context: CommandContext,
  { tenantId, file, plan }: RolloutStartOptions,
): Promise<void> {
  const source = await readBundleSource(file, context.io.stdin);
  const { tenants } = checkBundle(source);
  const candidate = Object.entries<TenantBundle>(tenants).find(([id]) => id === tenantId)?.[1];
  if (candidate === undefined) {
    throw new CliError(EXIT.failure, `${source.name} holds no tenant "${tenantId}"`);
  }
  const request = { method: 'POST', path: pathOf(tenantId), body: { ...plan, candidate } } as const;
  await sendAndPrint(context, { ...request, source: candidateSource(source, tenantId) });
}

/** Only what the server says of the candidate stands in the file: rings and the guard are options. */
function candidateSource(source: BundleSource, tenantId: string): BundleSource {
  return {
    ...source,
    locate(path) {
      const inBundle = path.replace(/^candidate(?=$|\.)/, `tenants.${tenantId}`);
      return inBundle.startsWith('tenants.') ? source.locate(inBundle) : null;
    },
  };
}

/**
 * Prints the newest rollout of a tenant.
 *
 * @throws CliError with `check`, if it did not come to its end, or is about not to.
 */
export async function rolloutStatus(
  context: CommandContext,
  { tenantId, check }: { readonly tenantId: string; readonly check: boolean },
): Promise<void> {
  const rollout = await sendAndPrint(context, { method: 'GET', path: pathOf(tenantId) });
  const { state, verdict } = rollout;
  const isBad = state === 'aborted' || state === 'rolled_back' || verdict === 'failing';
  if (check && isBad) throw new CliError(EXIT.failure, `the rollout of ${tenantId} is not well`);
}

/** Promotes, pauses, resumes or aborts a rollout. @throws CliError if the server refuses. */
export async function rolloutStep(
  context: CommandContext,
  tenantId: string,
  { name, ...body }: RolloutAction,
): Promise<void> {
  const path = `${pathOf(tenantId)}/${name}`;
  const hasBody = name === 'promote' || name === 'abort';
  await sendAndPrint(context, { method: 'POST', path, ...(hasBody ? { body } : {}) });
}

async function sendAndPrint(context: CommandContext, request: ApiRequest): Promise<RolloutReply> {
  const { api, terminal, io } = context;
  const rollout = await api.send(RolloutReply, request);
  if (!printValue(context, rollout)) {
    terminal.print(formatRollout(rollout, terminal.colors, io.clock.nowMs()));
  }
  return rollout;
}

function pathOf(tenantId: string): string {
  return `/v1/tenants/${encodeURIComponent(tenantId)}/rollout`;
}
