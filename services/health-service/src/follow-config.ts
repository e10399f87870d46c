import {
  bodyText,
  createConfigFeed,
  type Bus,
  type ConfigFeed,
  type ReceivedDocument,
} from '@headgate/bus';
import { documentKey } from '@headgate/model';
import { BoundedMap, type Clock, type Random } from '@headgate/runtime';
import { readTargets, type UpstreamTarget } from './targets.ts';

/** What the follower needs. */
export interface ConfigFollowerDependencies {
  readonly bus: Bus;
  readonly clock: Clock;
  readonly random: Random;
  /** Gets the upstreams of a tenant each time they may have changed; none when the tenant is gone. */
  readonly setTenant: (tenantId: string, upstreams: readonly UpstreamTarget[]) => void;
  readonly onSynced: () => void;
  /** A document is unusable; the tenant keeps what it had. */
  readonly onRejected: (key: string, reason: string) => void;
}

/** The configuration as probe targets. Whoever creates it closes it. */
export interface ConfigFollower {
  readonly feed: ConfigFeed;
  /** Tenant documents that are unusable now, by key, with the reason; at most 100. */
  rejected(): readonly { readonly key: string; readonly reason: string }[];
}

const REJECTED_MAX = 100;
const TENANT_PREFIX = documentKey('tenant', '');

/**
 * Follows the tenant documents on the bus. Configuration only ever changes by a document that says so: while config
 * or NATS are away, everything stays as it was.
 */
export function followConfig(dependencies: ConfigFollowerDependencies): ConfigFollower {
  const { bus, clock, random, setTenant, onSynced, onRejected } = dependencies;
  const rejected = new BoundedMap<string, string>(REJECTED_MAX);
  const reject = (key: string, reason: string) => {
    rejected.set(key, reason);
    onRejected(key, reason);
  };
  const take = (document: ReceivedDocument) => {
    const { key, header } = document;
    const reading = readTargets(header.id, bodyText(document));
    if (!reading.ok) return reject(key, reading.reason);
    rejected.delete(key);
    setTenant(header.id, reading.upstreams);
  };
  const feed = createConfigFeed(
    bus,
    { clock, random },
    {
      onDocument(document) {
        if (document.header.kind === 'tenant') take(document);
      },
      onRemoved(key) {
        if (!key.startsWith(TENANT_PREFIX)) return;
        rejected.delete(key);
        setTenant(key.slice(TENANT_PREFIX.length), []);
      },
      onRejected: (key, reason) => key.startsWith(TENANT_PREFIX) && reject(key, reason),
      onSynced,
    },
  );
  return {
    feed,
    rejected: () => [...rejected.entries()].map(([key, reason]) => ({ key, reason })),
  };
}
