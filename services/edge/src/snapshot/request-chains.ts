import { compileChain, type LimitChain, type LimitRule } from '@headgate/limiting';
import { BoundedMap } from '@headgate/runtime';
import type { CompiledRoute, CompiledTenant, Principal } from './compile-tenant.ts';
import { ruleOfClass, type LevelLimit, type PriorityClass } from './level-limits.ts';

/**
 * Chains kept by a worker, of all tenants together: about 3 KB each with three limits. They hold no usage, so one that
 * is dropped costs its next request some 12 µs, whoever pushed it out.
 */
const CHAINS_MAX = 8192;

/** The chains that depend on the route, its priority included, or on who asks, made when they are first used. One per worker. */
export class RequestChains {
  readonly #chains: BoundedMap<string, LimitChain>;

  /** @param capacity chains kept; the one unused for longest makes room. Default 8,192. */
  constructor(capacity: number = CHAINS_MAX) {
    this.#chains = new BoundedMap(capacity);
  }

  get size(): number {
    return this.#chains.size;
  }

  /**
   * All limits that a request has to pass; at least one.
   *
   * @param address what its client counts as; empty if {@link needsAddress} says that nothing depends on it.
   * @hot
   */
  obtain(
    tenant: CompiledTenant,
    route: CompiledRoute,
    principal: Principal | null,
    address: string,
  ): LimitChain {
    const name = chainName(tenant, route, principal, address);
    const chain = this.#chains.get(name) ?? compile(tenant, route, principal, address);
    this.#chains.set(name, chain); // moves it to the young end
    return chain;
  }
}

/** Ids hold no blanks, so equal texts mean equal parts; the revisions stand for what was compiled. @hot */
export function chainName(
  tenant: CompiledTenant,
  route: CompiledRoute,
  principal: Principal | null,
  address: string,
): string {
  const keyId = principal === null ? '' : principal.keyId;
  return `${tenant.id} ${tenant.revision} ${tenant.planRevision} ${route.id} ${keyId} ${address}`;
}

/** Whether the chain of a request depends on its client's address. @hot */
export function needsAddress(
  tenant: CompiledTenant,
  { limits }: CompiledRoute,
  principal: Principal | null,
): boolean {
  if (principal !== null) return principal.limits.perAddress || limits?.perAddress === true;
  return tenant.limits.perConsumer || limits?.perConsumer === true;
}

function compile(
  tenant: CompiledTenant,
  { limits, priority }: CompiledRoute,
  principal: Principal | null,
  address: string,
): LimitChain {
  const keyId = principal === null ? null : principal.keyId;
  const holder = principal ?? tenant;
  const all = limits === null ? holder.limits.all : [...holder.limits.all, ...limits.all];
  return compileChain(
    tenant.id,
    all.map((limit) => ruleFor(limit, priority, keyId, address)),
  );
}

/** The rule for one class and consumer: `k` or `a` in front, so that a key's id never counts as an address. */
export function ruleFor(
  limit: LevelLimit,
  priority: PriorityClass,
  keyId: string | null,
  address: string,
): LimitRule {
  const rule = ruleOfClass(limit, priority);
  const { per } = limit;
  if (per === null) return rule;
  const consumer = per === 'consumer' && keyId !== null ? `k${keyId}` : `a${address}`;
  return { ...rule, consumer };
}
