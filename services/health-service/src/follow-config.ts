import {
  bodyText,
  createConfigFeed,
  type Bus,
  type ConfigFeed,
  type ReceivedDocument,
} from '@headgate/bus';
import { documentKey } from '@headgate/model';
import { BoundedMap, type Clock, type Random } from '@headgate/runtime';
import { readSharedTargets, readTargets, type UpstreamTarget } from './targets.ts';

/** What the follower needs. */
export interface ConfigFollowerDependencies {
  readonly bus: Bus;
  readonly clock: Clock;
  readonly random: Random;
  /** Gets the upstreams of a document (of a tenant, or a shared one) each time they may have changed; none when it is gone. */
  readonly setUpstreams: (documentKey: string, upstreams: readonly UpstreamTarget[]) => void;
  readonly onSynced: () => void;
  /** A document is unusable; what it was before stands. */
  readonly onRejected: (key: string, reason: string) => void;
}

/** The configuration as probe targets. Whoever creates it closes it. */
export interface ConfigFollower {
  readonly feed: ConfigFeed;
  /** Documents that are unusable now, by key, with the reason; at most 100. */
  rejected(): readonly { readonly key: string; readonly reason: string }[];
}

const REJECTED_MAX = 100;
/** Documents with upstreams; candidates of rollouts are not probed. */
const PREFIXES = [documentKey('tenant', ''), documentKey('upstream', '')];

/**
 * Follows the documents of tenants and shared upstreams on the bus. Configuration only ever changes by a document that says so: while config
 * or NATS are away, everything stays as it was.
 */
export function followConfig(dependencies: ConfigFollowerDependencies): ConfigFollower {
  const { bus, clock, random, setUpstreams, onSynced, onRejected } = dependencies;
  const rejected = new BoundedMap<string, string>(REJECTED_MAX);
  const reject = (key: string, reason: string) => {
    rejected.set(key, reason);
    onRejected(key, reason);
  };
  const take = (document: ReceivedDocument) => {
    const { key, header } = document;
    const read = header.kind === 'upstream' ? readSharedTargets : readTargets;
    const reading = read(header.id, bodyText(document));
    if (!reading.ok) return reject(key, reading.reason);
    rejected.delete(key);
    setUpstreams(key, reading.upstreams);
  };
  const feed = createConfigFeed(
    bus,
    { clock, random },
    {
      onDocument(document) {
        if (hasUpstreams(document.key)) take(document);
      },
      onRemoved(key) {
        if (!hasUpstreams(key)) return;
        rejected.delete(key);
        setUpstreams(key, []);
      },
      onRejected: (key, reason) => hasUpstreams(key) && reject(key, reason),
      onSynced,
    },
  );
  return {
    feed,
    rejected: () => [...rejected.entries()].map(([key, reason]) => ({ key, reason })),
  };
}

function hasUpstreams(key: string): boolean {
  return PREFIXES.some((prefix) => key.startsWith(prefix));
}
