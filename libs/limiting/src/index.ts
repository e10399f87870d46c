export { createCalendar, type Calendar, type QuotaPeriod } from './calendar.ts';
export { bucketShape, type BucketShape } from './bucket-shape.ts';
export {
  type CompiledConcurrency,
  type CompiledQuota,
  type CompiledRate,
  type CompiledRule,
  type CompiledWindow,
} from './compiled-rule.ts';
export { type LeaseSpans } from './lease-spans.ts';
export { compileChain, type LimitChain } from './limit-chain.ts';
export { tenantTag } from './limit-key.ts';
export {
  LIMIT_MAX,
  RATE_SPAN_MAX,
  ruleSpanMs,
  WINDOW_MS_MAX,
  type ConcurrencyRule,
  type LimitRule,
  type QuotaRule,
  type RateRule,
  type WindowRule,
} from './limit-rule.ts';
export {
  StoreFailure,
  type BatchItem,
  type BatchReply,
  type ItemReply,
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
  createLimiter,
  type Limiter,
  type LimiterDeps,
  type LimiterEvent,
  type LimiterOptions,
} from './limiter.ts';
export { type LimiterStats } from './limiter-stats.ts';
export { type QuotaMark } from './quota-usage.ts';
export { rateLimitHeaders } from './rate-limit-headers.ts';
export { shareOf, type EdgeShare } from './share.ts';
export { type Timers } from './store-guard.ts';
export { type LimitVerdict } from './verdict.ts';
