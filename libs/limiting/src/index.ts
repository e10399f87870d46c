export { type BodyBytes, type BytesReturn, type ByteSteps } from './body-bytes.ts';
export { createCalendar, PERIOD_MS, type Calendar, type QuotaPeriod } from './calendar.ts';
export { bucketShape, type BucketShape } from './bucket-shape.ts';
export {
  type CompiledConcurrency,
  type CompiledQuota,
  type CompiledRate,
  type CompiledRule,
  type CompiledWindow,
} from './compiled-rule.ts';
export { type LeaseSpans } from './lease-spans.ts';
export {
  compileChain,
  compileSharedChain,
  type LimitChain,
  type SharedRule,
} from './limit-chain.ts';
export { isConsumerKey, tenantTag } from './limit-key.ts';
export {
  headroomMax,
  LIMIT_MAX,
  RATE_SPAN_MAX,
  ruleSpanMs,
  wholeCapacity,
  WINDOW_MS_MAX,
  type ConcurrencyRule,
  type LimitRule,
  type LimitUnit,
  type QuotaRule,
  type RateRule,
  type SharedLevel,
  type WindowRule,
} from './limit-rule.ts';
export {
  StoreFailure,
  type BatchItem,
  type BatchReply,
  type ItemReply,
  type LaterLease,
  type LeaseAsk,
  type LeaseGrant,
  type LeaseReturn,
  type LimitStore,
  type ReplayItem,
  type SlotClaim,
  type SlotRenewal,
  type StoreFailureKind,
  type StoreState,
} from './limit-store.ts';
export {
  type Limiter,
  type LimiterDeps,
  type LimiterEvent,
  type LimiterOptions,
} from './limiter.ts';
export { LOCAL_CONSUMERS_MAX, LOCAL_RULES_MAX } from './local-rules.ts';
export { createLimiter } from './store-limiter.ts';
export { type LimiterStats } from './limiter-stats.ts';
export { type QuotaMark } from './quota-usage.ts';
export {
  denialDetail,
  limitHeadersOf,
  rateLimitHeaders,
  retryAfterLine,
  type LimitHeaders,
  type LimitHeadersFormat,
} from './rate-limit-headers.ts';
export { createShardedLimiter } from './sharded-limiter.ts';
export { shareOf, type EdgeShare } from './share.ts';
export { SharedLevels, type SharedLevelsDeps } from './shared-levels.ts';
export { type ChargeDates, type ChargeSpan, type LimitVerdict } from './verdict.ts';
