export { compileAddressRanges, environmentAddressRanges } from './address-ranges.ts';
export { BoundedMap } from './bounded-map.ts';
export { BoundedQueue } from './bounded-queue.ts';
export { systemClock, type Clock } from './clock.ts';
export { DeadlineSweeper, type Expirable } from './coarse-timer.ts';
export {
  EnvironmentError,
  environmentAddress,
  environmentInteger,
  readEnvironment,
  type EnvironmentReading,
} from './environment.ts';
export {
  ADDRESS_REFUSED,
  createGuardedLookup,
  type GuardedLookup,
  type ResolveAll,
} from './guarded-lookup.ts';
export { flatText } from './flat-text.ts';
export { mendStringPrototype } from './mend-string-prototype.ts';
export { createNameCache, type NameCacheOptions } from './name-cache.ts';
export { PacedWalk } from './paced-walk.ts';
export { fullJitterMs, systemRandom, type Random } from './random.ts';
export { openSealedText, SEAL_KEY_BYTES, sealText } from './sealed-text.ts';
export {
  environmentSecretsKeys,
  SECRETS_KEY,
  SecretsKeys,
  type OpenedSecret,
  type SecretPlace,
} from './secrets-keys.ts';
export {
  readServiceSettings,
  serviceEnvironment,
  type ServiceSettings,
} from './service-environment.ts';
export { resetSocket, type ResettableSocket } from './reset-socket.ts';
export { ShutdownStack, type ShutdownFailure } from './shutdown-stack.ts';
export { systemTimers, type Timers } from './timers.ts';
export { StartError } from './start-error.ts';
