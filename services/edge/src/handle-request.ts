import type { Exchange } from './request/exchange.ts';
import { settleJwt, type AuthenticateJwtDeps } from './stages/authenticate-jwt.ts';
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
  extends
    IdentifyTenantDeps,
    AuthenticateJwtDeps,
    FindLimitsDeps,
    TakeLimitsDeps,
    ApplyVerdictDeps {}

/**
 * The path of a request, all of it:
 *
 *     accept → parse        DownstreamConnection
 *     → identify tenant → match route → authenticate → enforce limits      here, one stage a file
 *     → pick endpoint → forward → record                                   Exchange
 *
 * A stage returns null to go on or the local reply that ends the request. Two may need to wait: a JWT is verified later once in a
 * while, and the limiter may have to ask. Then the rest runs when their verdicts are there.
 *
 * @hot
 */
export function handleRequest(exchange: Exchange, deps: RequestPathDeps): void {
  const { context } = exchange;
  const refusal =
    identifyTenant(context, deps) ?? matchRoute(context) ?? authenticate(context, deps);
  if (refusal === null) {
    admit(exchange, deps);
  } else if (refusal instanceof Promise) {
    exchange.awaitToken(refusal, (verdict) => {
      const second = settleJwt(context, verdict);
      if (second === null) admit(exchange, deps);
      else exchange.answer(second);
    });
  } else {
    exchange.answer(refusal);
  }
}

/** From the limits on. @hot */
function admit(exchange: Exchange, deps: RequestPathDeps): void {
  const { context } = exchange;
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
