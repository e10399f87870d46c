import { RolloutGuard, RolloutPlan, RolloutSpec, TenantId } from '@headgate/model';
import { z } from 'zod';
import type { Session } from '../access/session.ts';
import { prepareCertificates } from '../certificates/prepare-certificate.ts';
import {
  defineOperation,
  NOTHING,
  type Operation,
  type OperationReply,
  type SuccessReply,
} from '../http/operation.ts';
import { keepWith } from '../idempotency/keep-with.ts';
import { problem, problemOfRefusal } from '../http/problems.ts';
import type { Observation, RolloutGuardian } from '../rollouts/guard.ts';
import { figuresOf } from '../rollouts/request-counts.ts';
import type { Outcome } from '../store/outcome.ts';
import { ringOf, type RolloutStep } from '../store/rollout-steps.ts';
import { isOpen, ROLLOUT_STATES, type StoredRollout } from '../store/rollouts.ts';
import type { ApiContext } from './api-context.ts';

/** What operations on rollouts work with. */
export interface RolloutContext extends ApiContext {
  readonly guardian: Pick<RolloutGuardian, 'observe' | 'refuseStart'>;
}

const PATH = '/v1/tenants/{tenantId}/rollout';
const Params = z.strictObject({ tenantId: TenantId });
/** A tenant of a bundle: the largest document that the bus takes. */
const BODY_BYTES_MAX = 16 * 1024 * 1024;

const Requests = z.object({
  requests: z.int().describe('Those that were answered.'),
  errors: z.int().describe('With 5xx.'),
  clientErrors: z.int().describe('With 4xx.'),
  p95Ms: z.number().nullable().describe('95th percentile of the duration; null without requests.'),
});

const RolloutReply = z.object({
  tenantId: z.string(),
  state: z.enum(ROLLOUT_STATES),
  ring: z.string().describe('The last ring that has, or had, the candidate.'),
  rings: RolloutPlan.shape.rings,
  promote: RolloutPlan.shape.promote,
  guard: RolloutGuard,
  revision: z.int().describe('Of the document that carries the candidate.'),
  finalRevision: z.int().nullable().describe('The revision that made the tenant the candidate.'),
  reason: z.string().nullable().describe('Why it went back.'),
  startedAt: z.iso.datetime(),
  startedBy: z.string(),
  stepAt: z.iso.datetime().describe('Since when the ring has it, or when it ended.'),
  verdict: z.enum(['waiting', 'healthy', 'failing']).describe('`waiting`: for more requests.'),
  candidate: Requests.describe('Requests with the candidate, since the ring has it.'),
  baseline: Requests.describe('Requests without the candidate, since the rollout began.'),
  edges: z
    .array(
      z.object({
        edgeId: z.string(),
        outcome: z.enum(['applied', 'rejected']),
        reason: z.string().optional(),
        at: z.number().describe('ms since the epoch.'),
      }),
    )
    .describe('Edges that serve the candidate, or refuse to.'),
});

const EXAMPLE = {
  ...{ tenantId: 'acme', state: 'running', ring: 'canary', promote: 'manual' },
  rings: [{ name: 'canary', soakMs: 600_000 }],
  guard: { requestsMin: 50, errorRise: 0.05, clientErrorRise: 0.2, latencyFactor: 3 },
  ...{ revision: 14, finalRevision: null, reason: null, startedBy: 'admin', verdict: 'healthy' },
  ...{ startedAt: '2026-01-01T00:00:00.000Z', stepAt: '2026-01-01T00:00:00.000Z' },
  candidate: { requests: 512, errors: 1, clientErrors: 4, p95Ms: 11.5 },
  baseline: { requests: 1530, errors: 2, clientErrors: 11, p95Ms: 11.2 },
  edges: [{ edgeId: 'edge-1', outcome: 'applied', at: 1_767_225_600_000 }],
};
const START_EXAMPLE = {
  rings: [{ name: 'canary', soakMs: 600_000 }],
  candidate: {
    planId: 'gold',
    identity: { hosts: ['acme.example.com'] },
    upstreams: { api: { endpoints: [{ host: '10.0.0.2', port: 8080 }] } },
    routes: { web: { upstreamId: 'api' } },
  },
};
const RESPONSES = { 200: { description: 'The rollout.', schema: RolloutReply, example: EXAMPLE } };
const COMMON = { tag: 'rollout', params: Params, query: NOTHING } as const;

/** Operations on the rollout of a tenant: a change that reaches some edges first. */
export function rolloutOperations(context: RolloutContext): Operation[] {
  return [
    defineGet(context),
    defineStart(context),
    definePromote(context),
    defineStep(context, 'pause', 'Keep a rollout from going on by itself', { action: 'pause' }),
    defineStep(context, 'resume', 'Let a paused rollout go on', { action: 'resume' }),
    defineAbort(context),
  ];
}

function defineGet(context: RolloutContext): Operation {
  return defineOperation(
    {
      ...{ method: 'GET', path: PATH, operationId: 'getRollout', ...COMMON },
      summary: 'The newest rollout of a tenant, ended or not',
      permission: 'tenant.read',
      body: null,
      responses: RESPONSES,
      errors: ['HG_API_NOT_FOUND'],
    },
    async ({ session, params: { tenantId } }) => {
      const found = await context.store.as(session).rollouts.get(tenantId);
      if (found !== null) return reply(context, found);
      const detail = `tenant "${tenantId}" has had no rollout`;
      return problem('HG_API_NOT_FOUND', { detail });
    },
  );
}

function defineStart(context: RolloutContext): Operation {
  return defineOperation(
    {
      ...{ method: 'POST', path: PATH, operationId: 'startRollout', ...COMMON },
      summary: 'Start a rollout',
      description:
        'The candidate is checked as a change of the tenant, and edges of the first ring serve it. ' +
        'The tenant itself stays as it is, and nothing else may change it, until the rollout ends.',
      permission: 'tenant.write',
      body: RolloutSpec,
      bodyExample: START_EXAMPLE,
      bodyBytesMax: BODY_BYTES_MAX,
      responses: RESPONSES,
      errors: ['HG_API_NOT_FOUND', 'HG_API_CONFLICT'],
    },
    async ({ session, params: { tenantId }, body: { candidate, ...plan } }) => {
      const refusal = context.guardian.refuseStart(plan.rings.map(({ name }) => name));
      if (refusal !== null) {
        return problem('HG_API_CONFLICT', { errors: [{ path: 'rings', rule: refusal }] });
      }
      const { rollouts } = context.store.as(session);
      const prepared = await prepareCertificates(context.certificates, {
        tenants: { [tenantId]: candidate },
      });
      if (!prepared.ok) return problemOfRefusal(prepared.refusal);
      const certificates = prepared.value.get(tenantId) ?? new Map<string, never>();
      const start = { tenantId, plan, candidate, certificates };
      return answer(context, await rollouts.start(start, optionsOf(context, session)));
    },
  );
}

function definePromote(context: RolloutContext): Operation {
  const body = z
    .strictObject({
      from: z
        .string()
        .optional()
        .describe('The ring that it is in; if it has gone on meanwhile, nothing happens (409).'),
    })
    .default({});
  return defineOperation(
    {
      ...{ method: 'POST', path: `${PATH}/promote`, operationId: 'promoteRollout', ...COMMON },
      summary: 'Let a rollout go on to the next ring, or after the last one to all edges',
      description:
        'It does not wait for the soak or the guard. The last step changes the tenant itself.',
      permission: 'tenant.write',
      body,
      bodyExample: {},
      responses: RESPONSES,
      errors: ['HG_API_NOT_FOUND', 'HG_API_CONFLICT'],
    },
    async ({ session, params: { tenantId }, body: { from = null } }) => {
      const found = await context.store.as(session).rollouts.get(tenantId);
      const baseline = found === null ? null : context.guardian.observe(found).baseline;
      // Of two that ask at once one is refused: nobody has looked at the ring that the other one led to.
      const revision = found?.revision ?? null;
      const step = { action: 'promote', revision, from, evenPaused: true, baseline } as const;
      return take(context, session, tenantId, step);
    },
  );
}

function defineStep(
  context: RolloutContext,
  name: 'pause' | 'resume',
  summary: string,
  step: RolloutStep,
): Operation {
  return defineOperation(
    {
      ...{ method: 'POST', path: `${PATH}/${name}`, operationId: `${name}Rollout`, ...COMMON },
      summary,
      description:
        name === 'pause'
          ? 'The guard still takes it back if it fails.'
          : 'The soak of its ring begins anew.',
      permission: 'tenant.write',
      body: null,
      responses: RESPONSES,
      errors: ['HG_API_NOT_FOUND', 'HG_API_CONFLICT'],
    },
    ({ session, params: { tenantId } }) => take(context, session, tenantId, step),
  );
}

function defineAbort(context: RolloutContext): Operation {
  const body = z.strictObject({ reason: z.string().max(500).optional() }).default({});
  return defineOperation(
    {
      ...{ method: 'POST', path: `${PATH}/abort`, operationId: 'abortRollout', ...COMMON },
      summary: 'Take a rollout back: all edges serve the tenant as it is',
      permission: 'tenant.write',
      body,
      bodyExample: { reason: 'the new backend is not ready' },
      responses: RESPONSES,
      errors: ['HG_API_NOT_FOUND', 'HG_API_CONFLICT'],
    },
    ({ session, params: { tenantId }, body: { reason = null } }) =>
      take(context, session, tenantId, { action: 'end', revision: null, state: 'aborted', reason }),
  );
}

async function take(
  context: RolloutContext,
  session: Session,
  tenantId: string,
  step: RolloutStep,
): Promise<OperationReply> {
  const { rollouts } = context.store.as(session);
  return answer(context, await rollouts.step(tenantId, step, optionsOf(context, session)));
}

function answer(context: RolloutContext, outcome: Outcome<StoredRollout>): OperationReply {
  if (!outcome.ok) return problemOfRefusal(outcome.refusal);
  context.onCommitted();
  return reply(context, outcome.value);
}

function optionsOf(context: RolloutContext, session: Session) {
  return {
    documentBytesMax: context.documentBytesMax(),
    keep: keepWith<StoredRollout>(session, (rollout) => reply(context, rollout)),
  };
}

function reply({ guardian }: RolloutContext, rollout: StoredRollout): SuccessReply {
  const observed = guardian.observe(rollout);
  return { status: 200, body: present(rollout, observed) };
}

function present(rollout: StoredRollout, observed: Observation): z.output<typeof RolloutReply> {
  const { tenantId, state, plan, revision, finalRevision, reason, startedBy } = rollout;
  return {
    ...{ tenantId, state, ring: ringOf(rollout), ...plan },
    ...{ revision, finalRevision, reason, startedBy },
    startedAt: rollout.startedAt.toISOString(),
    stepAt: rollout.stepAt.toISOString(),
    verdict: observed.judgement.verdict,
    candidate: figuresOf(observed.candidate),
    baseline: figuresOf(observed.baseline),
    edges: isOpen(rollout) ? [...observed.edges] : [],
  };
}
