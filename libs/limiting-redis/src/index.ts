export {
  createRedisLimitStore,
  type RedisAddress,
  type RedisLimitStore,
  type RedisLimitStoreDeps,
  type RedisLimitStoreOptions,
  type RedisStoreEvent,
} from './redis-limit-store.ts';
