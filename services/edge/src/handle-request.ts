import type { Exchange } from './request/exchange.ts';
import { authenticate } from './stages/authenticate.ts';
import {
  applyVerdict,
  limitsOf,
  takeLimits,
  type ApplyVerdictDeps,
  type FindLimitsDeps,
  type TakeLimitsDeps,
} from './stages/enforce-limits.ts';
import { identifyTenant, type IdentifyTenantDeps } from './stages/identify-tenant.ts';
import { matchRoute } from './stages/match-route.ts';

/** What the request path works with. */
export interface RequestPathDeps
  extends IdentifyTenantDeps, FindLimitsDeps, TakeLimitsDeps, ApplyVerdictDeps {}

/**
 * The path of a request, all of it:
 *
 *     accept → parse        DownstreamConnection
 *     → identify tenant → match route → authenticate → enforce limits      here, one stage a file
 *     → pick endpoint → forward → record                                   Exchange
 *
 * A stage returns null to go on or the local reply that ends the request. Only the limiter may need to wait; then the
 * rest runs when its verdict is there.
 *
 * @hot
 */
export function handleRequest(exchange: Exchange, deps: RequestPathDeps): void {
  const { context } = exchange;
  const refusal = identifyTenant(context, deps) ?? matchRoute(context) ?? authenticate(context);
  if (refusal !== null) {
    exchange.answer(refusal);
    return;
  }
  const chain = limitsOf(context, deps);
  context.limitStartMs = context.startMs;
  const verdict = takeLimits(context, chain, deps);
  if (verdict === null) {
    deps.shadows.evaluate(context);
    exchange.forward();
  } else if (verdict instanceof Promise) {
    exchange.awaitVerdict(chain, verdict);
  } else {
    exchange.proceed(applyVerdict(context, chain, verdict, deps));
  }
}
