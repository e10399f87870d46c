import { compileChain, type LimitChain, type LimitRule } from '@headgate/limiting';
import { BoundedMap } from '@headgate/runtime';
import type { CompiledRoute, CompiledTenant, Principal } from './compile-tenant.ts';
import {
  ruleOfClass,
  type LevelLimit,
  type LevelLimits,
  type PriorityClass,
} from './level-limits.ts';

/**
 * Chains kept by a worker, of all tenants together: about 3 KB each with three limits. They hold no usage, so one that
 * is dropped costs its next request some 12 µs, whoever pushed it out.
 */
const CHAINS_MAX = 8192;

/** Compiles what requests need that agree in tenant, route, API key and address. */
type Compile<Compiled> = (
  tenant: CompiledTenant,
  route: CompiledRoute,
  principal: Principal | null,
  address: string,
) => Compiled;

/** Keeps what is compiled when a request first needs it. */
export class CompiledByRequest<Compiled> {
  readonly #compiled: BoundedMap<string, Compiled>;
  readonly #compile: Compile<Compiled>;

  /** @param capacity of what is kept; the one unused for longest makes room. */
  constructor(capacity: number, compile: Compile<Compiled>) {
    this.#compiled = new BoundedMap(capacity);
    this.#compile = compile;
  }

  get size(): number {
    return this.#compiled.size;
  }

  /**
   * @param address what the client counts as; empty if nothing depends on it.
   * @hot
   */
  obtain(
    tenant: CompiledTenant,
    route: CompiledRoute,
    principal: Principal | null,
    address: string,
  ): Compiled {
    const keyId = principal === null ? '' : principal.keyId;
    // Ids hold no blanks, so equal texts mean equal parts; the revisions stand for what was compiled.
    const name = `${tenant.id} ${tenant.revision} ${tenant.planRevision} ${route.id} ${keyId} ${address}`;
    const compiled = this.#compiled.get(name) ?? this.#compile(tenant, route, principal, address);
    this.#compiled.set(name, compiled); // moves it to the young end
    return compiled;
  }
}

/**
 * The chains that depend on the route, its priority included, or on who asks: all limits that a request has to pass, at
 * least one. One per worker.
 */
export class RequestChains extends CompiledByRequest<LimitChain> {
  /** @param capacity default 8,192. */
  constructor(capacity: number = CHAINS_MAX) {
    super(capacity, compile);
  }
}

/** Whether the chain of a request depends on its client's address. @hot */
export function needsAddress(
  tenant: CompiledTenant,
  { limits }: CompiledRoute,
  principal: Principal | null,
): boolean {
  return countsAddresses((principal ?? tenant).limits, limits, principal !== null);
}

/** Whether limits of these have a counter for a client's address, which a key stands for where `hasKey`. @hot */
export function countsAddresses(
  ofHolder: LevelLimits,
  ofRoute: LevelLimits | null,
  hasKey: boolean,
): boolean {
  if (hasKey) return ofHolder.perAddress || ofRoute?.perAddress === true;
  return ofHolder.perConsumer || ofRoute?.perConsumer === true;
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
