import { createBusLog, type BusLogger } from './bus-log.ts';
import type { BusOptions } from './connect-bus.ts';

/** What a service's settings say about the bus. */
export interface BusSettings {
  readonly nodeId: string;
  readonly natsServers: readonly string[];
  readonly natsUser: string | undefined;
  readonly natsPassword: string | undefined;
}

/** How a service connects: as its node, with what happens on the bus in its log. */
export function busOptionsOf(settings: BusSettings, logger: BusLogger): BusOptions {
  const { nodeId, natsServers, natsUser, natsPassword } = settings;
  return {
    servers: natsServers,
    name: nodeId,
    ...(natsUser === undefined ? {} : { user: natsUser }),
    ...(natsPassword === undefined ? {} : { password: natsPassword }),
    onEvent: createBusLog(logger),
  };
}
