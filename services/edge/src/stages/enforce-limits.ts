import {
  rateLimitHeaders,
  type LimitChain,
  type Limiter,
  type LimitVerdict,
} from '@headgate/limiting';
import { addressKey } from '../request/address-key.ts';
import { clientAddress } from '../request/client-address.ts';
import { localReply, type LocalReply } from '../request/local-reply.ts';
import type { RequestContext } from '../request/request-context.ts';
import type { UsageTally } from '../usage/usage-tally.ts';
import { needsAddress, type RequestChains } from '../snapshot/request-chains.ts';

/** What finding the limits of a request takes. */
export interface FindLimitsDeps {
  readonly chains: RequestChains;
  /** Whether an address may say for whom it asks. */
  readonly isTrusted: (address: string) => boolean;
}

/** What the request costs of each limit, and how many slots it holds. @hot */
export function costOf(context: RequestContext): number {
  return context.route === null ? 1 : context.route.cost;
}

/** The limits that apply: of the tenant, the API key and the route together; null for none. @hot */
export function limitsOf(context: RequestContext, deps: FindLimitsDeps): LimitChain | null {
  const { tenant, route, principal } = context;
  if (tenant === null || route === null) return null;
  const holder = principal ?? tenant;
  if (route.limits === null && !holder.limits.perConsumer) return holder.chain;
  const address = needsAddress(tenant, route, principal)
    ? addressKey(clientAddress(context, deps.isTrusted))
    : '';
  return deps.chains.obtain(tenant, route, principal, address);
}

/** Notes the verdict; returns the reply for a request that may not pass. @hot */
export function applyVerdict(
  context: RequestContext,
  chain: LimitChain,
  verdict: LimitVerdict,
  tally: Pick<UsageTally, 'note'>,
): LocalReply | null {
  context.verdict = verdict;
  tally.note(chain, verdict, costOf(context));
  if (verdict.outcome === 'unavailable') {
    return localReply('HG_LIMIT_UNAVAILABLE', 'Retry-After: 1\r\n');
  }
  context.limitHeaders = rateLimitHeaders(chain, verdict);
  if (verdict.outcome === 'admitted') {
    if (chain.hasSlots) context.heldChain = chain;
    return null;
  }
  const name = verdict.rule === null ? '' : verdict.rule.name;
  return localReply('HG_LIMIT_EXCEEDED', context.limitHeaders, `The limit "${name}" is exceeded.`);
}

/** The request has ended, in whatever way: its slots return, once. @hot */
export function releaseSlots(context: RequestContext, limiter: Pick<Limiter, 'release'>): void {
  const chain = context.heldChain;
  if (chain === null) return;
  context.heldChain = null;
  limiter.release(chain, costOf(context));
}
