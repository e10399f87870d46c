export type { BucketWatch, WatchEnd } from './bucket-watch.ts';
export type { WriteOutcome } from './bucket-writes.ts';
export type {
  Bus,
  BusEvent,
  BusMessage,
  RequestOutcome,
  SendOutcome,
  Subscription,
} from './bus.ts';
export { createBusLog, type BusLogger } from './bus-log.ts';
export { busOptionsOf, type BusSettings } from './bus-options.ts';
export type { CallbackGuard } from './callback-guard.ts';
export { createAckPublisher, subscribeAcks, type AckPublisher } from './config-acks.ts';
export { ConfigDigest, DIGEST_BUCKETS, digestBucket, DigestMessage } from './config-digest.ts';
export {
  createConfigFeed,
  type ConfigFeed,
  type ConfigFeedEvent,
  type ConfigFeedHandlers,
  type ConfigFeedOptions,
  type ConfigFeedStatus,
} from './config-feed.ts';
export { ConfigAck, ConfigAckBatch } from './config-messages.ts';
export { createConfigPublisher, type ConfigPublisher } from './config-publisher.ts';
export {
  serveConfigRequests,
  type ConfigRequestServer,
  type ConfigSource,
} from './config-requests.ts';
export { connectBus, type BusOptions } from './connect-bus.ts';
export {
  bodyText,
  documentText,
  decodeDocument,
  DOCUMENT_BYTES_MAX,
  encodeDocument,
  type DecodedDocument,
  type DocumentHeaderInput,
  type DocumentRejection,
  type ReceivedDocument,
} from './document-envelope.ts';
export {
  createHealthPublisher,
  watchHealth,
  type HealthHandlers,
  type HealthPublisher,
} from './health-bus.ts';
export type { JetStreamFault } from './jetstream-error.ts';
export {
  LimitUsage,
  LimitUsageReport,
  publishLimitUsage,
  subscribeLimitUsage,
  USAGE_ENTRIES_MAX,
} from './limit-usage.ts';
export { EdgePresence, REJECTED_MAX, type PresenceKind } from './presence-messages.ts';
export {
  PRESENCE_TTL_MS,
  trackPresence,
  type Member,
  type PresenceTracker,
} from './presence-tracker.ts';
export { createPresence, HEARTBEAT_MS, type Presence } from './presence.ts';
export { rendezvousOrder, rendezvousOwner } from './rendezvous.ts';
export {
  publishRolloutCounts,
  RequestCounts,
  RolloutCount,
  subscribeRolloutCounts,
} from './rollout-counts.ts';
export { CONFIG_BUCKET, encodeToken, HEALTH_BUCKET, subjects } from './subjects.ts';
export {
  DEMAND_SECONDS,
  DEMAND_TENANTS_MAX,
  publishTenantDemand,
  subscribeTenantDemand,
  TenantDemandReport,
} from './tenant-demand.ts';
