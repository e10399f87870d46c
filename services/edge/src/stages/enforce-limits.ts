import { FRAMING_CHUNKED, FRAMING_NONE } from '@headgate/http1';
import {
  denialDetail,
  retryAfterLine,
  type BodyBytes,
  type ByteSteps,
  type LimitChain,
  type LimitHeaders,
  type Limiter,
  type LimitVerdict,
  type SharedLevels,
} from '@headgate/limiting';
import { addressKey } from '../request/address-key.ts';
import { BodyMeter } from '../request/body-meter.ts';
import { clientAddress } from '../request/client-address.ts';
import { localReply, type LocalReply } from '../request/local-reply.ts';
import type { RequestContext } from '../request/request-context.ts';
import type { DemandTally } from '../usage/demand-tally.ts';
import type { UsageTally } from '../usage/usage-tally.ts';
import type { Shadows } from './evaluate-shadows.ts';
import { needsAddress, type RequestChains } from '../snapshot/request-chains.ts';
import type { SharedLimits } from '../snapshot/shared-limits.ts';

/** What finding the limits of a request takes. */
export interface FindLimitsDeps {
  readonly chains: RequestChains;
  /** Whether an address may say for whom it asks. */
  readonly isTrusted: (address: string) => boolean;
}

/** What asking the limiter takes. */
export interface TakeLimitsDeps {
  readonly limiter: Pick<Limiter, 'take'>;
  readonly sharedLimits: Pick<SharedLimits, 'obtain'>;
  readonly sharedLevels: Pick<SharedLevels, 'take'>;
  readonly demand: Pick<DemandTally, 'note'>;
}

/** What acting on a verdict takes. */
export interface ApplyVerdictDeps {
  readonly tally: Pick<UsageTally, 'note'>;
  readonly shadows: Pick<Shadows, 'evaluate'>;
  /** The fields that tell clients of their limits. */
  readonly limitHeaders: LimitHeaders;
}

/** What the request costs of each limit, and how many slots it holds. @hot */
export function costOf(context: RequestContext): number {
  return context.route === null ? 1 : context.route.cost;
}

/**
 * What the request takes of limits that count bytes: all of a body whose length is known, a step of any other and of the
 * response; null if there are no such limits.
 *
 * @hot
 */
export function bytesOf({ head }: RequestContext, chain: LimitChain | null): BodyBytes | null {
  return chain === null || chain.byteSteps === null ? null : firstBytes(head, chain.byteSteps);
}

/** The limits that apply: of the tenant, the API key and the route together; null for none. @hot */
export function limitsOf(context: RequestContext, deps: FindLimitsDeps): LimitChain | null {
  const { tenant, route, principal } = context;
  if (tenant === null || route === null) return null;
  const holder = principal ?? tenant;
  const { perConsumer, headroomFrom } = holder.limits;
  if (route.limits === null && !perConsumer && route.priority < headroomFrom) return holder.chain;
  const address = needsAddress(tenant, route, principal)
    ? addressKey(clientAddress(context, deps.isTrusted))
    : '';
  return deps.chains.obtain(tenant, route, principal, address);
}

/** Counts the request, and charges its own limits and those that its tenant shares; null if there are none. @hot */
export function takeLimits(
  context: RequestContext,
  chain: LimitChain | null,
  { limiter, sharedLimits, sharedLevels, demand }: TakeLimitsDeps,
): LimitVerdict | Promise<LimitVerdict> | null {
  const { tenant, timeMs } = context;
  if (tenant === null) return null;
  const cost = costOf(context);
  demand.note(tenant.demand, cost, timeMs);
  const pools = sharedLimits.obtain(tenant);
  if (pools !== null) return sharedLevels.take(pools, chain, cost, bytesOf(context, chain));
  return chain === null ? null : limiter.take(chain, cost, bytesOf(context, chain));
}

/** Notes the verdict; returns the reply for a request that may not pass. @hot */
export function applyVerdict(
  context: RequestContext,
  chain: LimitChain | null,
  verdict: LimitVerdict,
  { tally, shadows, limitHeaders }: ApplyVerdictDeps,
): LocalReply | null {
  context.verdict = verdict;
  const bytes = bytesOf(context, chain);
  if (chain !== null) tally.note(chain, verdict, costOf(context), bytes);
  if (verdict.outcome === 'unavailable') {
    return localReply('HG_LIMIT_UNAVAILABLE', 'Retry-After: 1\r\n');
  }
  context.limitHeaders = chain === null ? '' : limitHeaders(chain, verdict);
  if (verdict.outcome === 'admitted') {
    shadows.evaluate(context);
    if (chain !== null && chain.hasSlots) context.heldChain = chain;
    if (chain !== null && bytes !== null && verdict.charge !== null) {
      context.meter = new BodyMeter(chain, bytes, verdict.charge);
    }
    return null;
  }
  if (isShared(verdict)) return localReply('HG_LIMIT_SHARED', retryAfterLine(verdict));
  const detail = chain === null ? '' : denialDetail(chain, verdict);
  return localReply('HG_LIMIT_EXCEEDED', context.limitHeaders, detail);
}

/** A limit that tenants share is none of the client's: it is not told which. */
function isShared({ rule }: LimitVerdict): boolean {
  return rule !== null && (rule.level === 'pool' || rule.level === 'platform');
}

/** The request has ended, in whatever way: its slots return, once, and the bytes that it did not use. @hot */
export function releaseLimits(
  context: RequestContext,
  limiter: Pick<Limiter, 'release' | 'returnBytes'>,
  tally: Pick<UsageTally, 'giveBack'>,
): void {
  if (context.meter !== null) {
    context.meter.close(limiter, tally);
    context.meter = null;
  }
  const chain = context.heldChain;
  if (chain === null) return;
  context.heldChain = null;
  limiter.release(chain, costOf(context));
}

function firstBytes(head: RequestContext['head'], steps: ByteSteps): BodyBytes {
  const { framing, contentLength } = head;
  if (framing === FRAMING_NONE || steps.request === 0) return steps.bodiless;
  const request = framing === FRAMING_CHUNKED ? steps.request : contentLength;
  return { request, response: steps.response };
}
