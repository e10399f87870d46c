import { connectBus, createConfigFeed } from '@headgate/bus';
import { systemClock, systemRandom } from '@headgate/runtime';

/** A tenant as it was published. */
export interface PublishedTenant {
  readonly tenantId: string;
  readonly revision: number;
  /** Empty if it has none. */
  readonly name: string;
}

/** What an edge would hold. Whoever opens it closes it. */
export interface TenantReader {
  /** Null while nothing is published. */
  held(tenantId: string): PublishedTenant | null;
  close(): Promise<void>;
}

/** Reads tenants from the bus as an edge does. @param onTenant hears each revision, in the order in which they come */
export function readTenants(
  natsUrl: string,
  onTenant: (tenant: PublishedTenant) => void,
): TenantReader {
  const deps = { clock: systemClock, random: systemRandom };
  const bus = connectBus(deps, { servers: [natsUrl], name: 'tenant reader' });
  const held = new Map<string, PublishedTenant>();
  const feed = createConfigFeed(bus, deps, {
    onDocument({ key, header, body }) {
      if (header.kind !== 'tenant') return;
      const { tenant } = JSON.parse(Buffer.from(body).toString()) as { tenant: { name?: string } }; // of our own service
      const { revision } = header;
      const published = {
        tenantId: key.slice('tenant.'.length),
        revision,
        name: tenant.name ?? '',
      };
      held.set(published.tenantId, published);
      onTenant(published);
    },
    onRemoved: (key) => void held.delete(key.slice('tenant.'.length)),
  });
  return {
    held: (tenantId) => held.get(tenantId) ?? null,
    async close() {
      await feed.close();
      await bus.close();
    },
  };
}
