import type { LimitChain, Limiter, LimitRule, LimitVerdict } from '@headgate/limiting';
import { addressKey } from '../request/address-key.ts';
import { clientAddress } from '../request/client-address.ts';
import type { RequestContext } from '../request/request-context.ts';
import { countsAddresses } from '../snapshot/request-chains.ts';
import { ShadowChains } from '../snapshot/shadow-chains.ts';
import type { UsageTally } from '../usage/usage-tally.ts';
import { costOf } from './enforce-limits.ts';

/** What evaluating limits in shadow works with. */
export interface ShadowDeps {
  readonly limiter: Pick<Limiter, 'take'>;
  readonly tally: Pick<UsageTally, 'note'>;
  /** Whether an address may say for whom it asks. */
  readonly isTrusted: (address: string) => boolean;
  /** The limit would have refused a request. */
  readonly onDenied: (rule: LimitRule) => void;
}

/**
 * Takes that may wait for Redis at once; the limits of further requests are left out meanwhile. A quarter of what the limiter
 * lets wait of one tenant, so that limits in shadow never take the places of those that count.
 */
const WAITING_MAX = 250;

/** Limits in shadow: each counts the requests that pass all other limits, and nobody waits for it or heeds it. */
export class Shadows {
  readonly #deps: ShadowDeps;
  readonly #chains = new ShadowChains();
  #waiting = 0;

  constructor(deps: ShadowDeps) {
    this.#deps = deps;
  }

  /** The request passes: evaluates what it meets in shadow. @hot */
  evaluate(context: RequestContext): void {
    const { tenant, route, principal } = context;
    if (tenant === null || route === null) return;
    const { shadows } = principal ?? tenant;
    if (shadows.all.length === 0 && route.shadows.all.length === 0) return;
    const address = countsAddresses(shadows, route.shadows, principal !== null)
      ? addressKey(clientAddress(context, this.#deps.isTrusted))
      : '';
    const cost = costOf(context);
    for (const chain of this.#chains.obtain(tenant, route, principal, address)) {
      this.#take(chain, cost);
    }
  }

  #take(chain: LimitChain, cost: number): void {
    if (this.#waiting >= WAITING_MAX) return;
    const verdict = this.#deps.limiter.take(chain, cost);
    if (!(verdict instanceof Promise)) {
      this.#note(chain, verdict, cost);
      return;
    }
    this.#waiting += 1;
    void verdict
      .then((decided) => this.#note(chain, decided, cost))
      .finally(() => (this.#waiting -= 1));
  }

  #note(chain: LimitChain, verdict: LimitVerdict, cost: number): void {
    this.#deps.tally.note(chain, verdict, cost);
    if (verdict.rule !== null) this.#deps.onDenied(verdict.rule);
  }
}
