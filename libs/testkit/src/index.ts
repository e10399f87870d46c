export { acceptedConnections } from './accepted-connections.ts';
export { providePGlite } from './empty-pglite.ts';
export { createFakeClock, type FakeClock, type FakeTimer } from './fake-clock.ts';
export {
  createFaultProxy,
  type ChunkEdit,
  type FaultProxy,
  type FaultProxyTarget,
  type FlowDirection,
} from './fault-proxy.ts';
export { freePort } from './free-port.ts';
export { createHttpOrigin, type HttpOrigin } from './http-origin.ts';
export {
  inHours,
  makeCertificate,
  type CertificateOptions,
  type KeyKind,
  type TestCertificate,
} from './make-certificate.ts';
export {
  createOtlpReceiver,
  otlpAttributes,
  type OtlpReceiver,
  type OtlpSpan,
} from './otlp-receiver.ts';
export {
  createRecordingOrigin,
  type OriginConnection,
  type OriginHandler,
  type RecordingOrigin,
} from './recording-origin.ts';
export type { RecordedRequest } from './request-splitter.ts';
export { sendRedis, type RedisReply } from './redis-command.ts';
export { createSeededRandom } from './seeded-random.ts';
export type { ServerProcess } from './server-process.ts';
export { startNats, type NatsOptions, type NatsServer } from './start-nats.ts';
export { startPostgres, type PostgresOptions, type PostgresServer } from './start-postgres.ts';
export {
  ProcessStartError,
  startProcess,
  type ProcessExit,
  type ProcessOptions,
  type StartedProcess,
} from './start-process.ts';
export { startRedis, type RedisOptions, type RedisServer } from './start-redis.ts';
export {
  startRedisCluster,
  type RedisCluster,
  type RedisClusterOptions,
} from './start-redis-cluster.ts';
export {
  startRedisSentinel,
  type RedisSentinel,
  type RedisSentinelOptions,
} from './start-redis-sentinel.ts';
export { startStopwatch, type Stopwatch } from './stopwatch.ts';
export { temporaryDirectory, type TemporaryDirectory } from './temporary-directory.ts';
export { createTokenKey, unsignedToken, type TokenKey } from './token-key.ts';
export { waitFor, type WaitOptions } from './wait-for.ts';
