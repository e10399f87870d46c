import { inlineKeys, KeySet, RemoteKeys, type KeySource } from '@headgate/auth';
import type { JwtIssuer } from '@headgate/model';
import type { Clock, Random } from '@headgate/runtime';
import type { FetchLanes } from './fetch-lanes.ts';

/** What {@link IssuerKeys} works with. */
export interface IssuerKeysDeps {
  readonly clock: Pick<Clock, 'monotonicMs'>;
  readonly random: Random;
  readonly lanes: FetchLanes;
  /** Gets the text at a URL within bounds of size and of the time that is left, in ms; rejects if it cannot. */
  readonly fetchText: (url: string, timeoutMs: number) => Promise<string>;
  /** Hears of each fetch that has ended; null: it succeeded. */
  readonly onFetched: (tenantId: string, issuerId: string, error: Error | null) => void;
}

interface HeldKeys {
  /** Null: they are in the document. */
  readonly jwksUri: string | null;
  readonly source: KeySource;
}

/**
 * The keys of all JWT issuers that a worker knows. They outlive revisions of the tenant, as connections do; no two tenants share any,
 * so nothing that one does to the keys of an issuer is felt by another.
 */
export class IssuerKeys {
  readonly #deps: IssuerKeysDeps;
  readonly #tenants = new Map<string, ReadonlyMap<string, HeldKeys>>();

  constructor(deps: IssuerKeysDeps) {
    this.#deps = deps;
  }

  /** Sources for a revision that may yet be refused; those that stay what they were are the same objects. */
  build(tenantId: string, issuers: readonly JwtIssuer[]): ReadonlyMap<string, KeySource> {
    const held = this.#tenants.get(tenantId);
    return new Map(
      issuers.map((issuer) => {
        const { id, jwksUri } = issuer;
        const known = held?.get(id);
        if (jwksUri === undefined) return [id, inlineKeys(new KeySet(issuer.jwks?.keys ?? []))];
        if (known?.jwksUri === jwksUri) return [id, known.source];
        return [id, this.#remote(tenantId, id, jwksUri)];
      }),
    );
  }

  /** The revision is in force. */
  commit(
    tenantId: string,
    issuers: readonly JwtIssuer[],
    sources: ReadonlyMap<string, KeySource>,
  ): void {
    const held = new Map<string, HeldKeys>();
    for (const { id, jwksUri = null } of issuers) {
      const source = sources.get(id);
      if (source !== undefined && jwksUri !== null) held.set(id, { jwksUri, source });
    }
    if (held.size === 0) this.#tenants.delete(tenantId);
    else this.#tenants.set(tenantId, held);
  }

  remove(tenantId: string): void {
    this.#tenants.delete(tenantId);
  }

  #remote(tenantId: string, issuerId: string, jwksUri: string): RemoteKeys {
    const { clock, random, lanes, fetchText, onFetched } = this.#deps;
    return new RemoteKeys({
      clock,
      random,
      fetch: () => lanes.run(tenantId, (timeoutMs) => fetchText(jwksUri, timeoutMs)),
      onFetched: (error) => onFetched(tenantId, issuerId, error),
    });
  }
}
