export { type RedisLimitStoreOptions } from './client-options.ts';
export {
  createRedisLimitStore,
  createRedisLimitStores,
  type RedisLimitStore,
  type RedisLimitStoreDeps,
  type RedisLimitStores,
  type RedisStoreEvent,
  type RedisStoreStats,
} from './redis-limit-store.ts';
export {
  type ClusterTarget,
  type HostPort,
  type RedisAccess,
  type RedisAddress,
  type RedisTarget,
  type SentinelTarget,
} from './redis-target.ts';
