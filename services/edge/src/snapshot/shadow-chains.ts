import { compileChain, type LimitChain } from '@headgate/limiting';
import type { CompiledRoute, CompiledTenant, Principal } from './compile-tenant.ts';
import { CompiledByRequest, ruleFor } from './request-chains.ts';

/** Requests whose chains are kept by a worker, of all tenants together; each chain takes some 2 KB. */
const REQUESTS_MAX = 2048;

/**
 * The chains of limits in shadow, one for each limit that a request meets: none has a say in what another one counts. One
 * per worker.
 */
export class ShadowChains extends CompiledByRequest<readonly LimitChain[]> {
  constructor() {
    super(REQUESTS_MAX, compile);
  }
}

function compile(
  tenant: CompiledTenant,
  route: CompiledRoute,
  principal: Principal | null,
  address: string,
): readonly LimitChain[] {
  const keyId = principal === null ? null : principal.keyId;
  return [...(principal ?? tenant).shadows.all, ...route.shadows.all].map((limit) =>
    compileChain(tenant.id, [ruleFor(limit, route.priority, keyId, address)]),
  );
}
