export { freePort } from './free-port.ts';
export type { ServerProcess } from './server-process.ts';
export { startNats, type NatsOptions, type NatsServer } from './start-nats.ts';
export {
  ProcessStartError,
  startProcess,
  type ProcessExit,
  type ProcessOptions,
  type StartedProcess,
} from './start-process.ts';
export { startPostgres, type PostgresOptions, type PostgresServer } from './start-postgres.ts';
export { startRedis, type RedisOptions, type RedisServer } from './start-redis.ts';
export { temporaryDirectory, type TemporaryDirectory } from './temporary-directory.ts';
export { waitFor, type WaitOptions } from './wait-for.ts';
