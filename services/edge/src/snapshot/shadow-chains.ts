import { compileChain, type LimitChain } from '@headgate/limiting';
import { BoundedMap } from '@headgate/runtime';
import type { CompiledRoute, CompiledTenant, Principal } from './compile-tenant.ts';
import { chainName, ruleFor } from './request-chains.ts';

/** Requests whose chains are kept by a worker, of all tenants together; each chain takes some 2 KB. */
const REQUESTS_MAX = 2048;

/** The chains of limits in shadow, made when they are first used. One per worker. */
export class ShadowChains {
  readonly #chains = new BoundedMap<string, readonly LimitChain[]>(REQUESTS_MAX);

  /**
   * A chain for each limit in shadow that a request meets: none has a say in what another one counts.
   *
   * @param address what its client counts as; empty if no such limit is per somebody.
   */
  obtain(
    tenant: CompiledTenant,
    route: CompiledRoute,
    principal: Principal | null,
    address: string,
  ): readonly LimitChain[] {
    const name = chainName(tenant, route, principal, address);
    const chains = this.#chains.get(name) ?? compile(tenant, route, principal, address);
    this.#chains.set(name, chains); // moves them to the young end
    return chains;
  }
}

function compile(
  tenant: CompiledTenant,
  route: CompiledRoute,
  principal: Principal | null,
  address: string,
): readonly LimitChain[] {
  const keyId = principal === null ? null : principal.keyId;
  return [...(principal ?? tenant).shadows, ...route.shadows].map((limit) =>
    compileChain(tenant.id, [ruleFor(limit, route.priority, keyId, address)]),
  );
}
