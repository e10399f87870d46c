import { availableParallelism, hostname } from 'node:os';
import type { LimitHeadersFormat } from '@headgate/limiting';
import type { RedisTarget } from '@headgate/limiting-redis';
import { Ring } from '@headgate/model';
import {
  environmentAddress,
  environmentAddressRanges,
  environmentInteger,
  environmentSecretsKeys,
  EnvironmentError,
  readEnvironment,
  readServiceSettings,
  serviceEnvironment,
  type EnvironmentReading,
  type ServiceSettings,
} from '@headgate/runtime';
import { z } from 'zod';
import type { ClientLimits, TlsWorkerSettings } from './ipc/messages.ts';
import { parseRedisUrl } from './redis-url.ts';

const redisUrl = z.string().transform((text, context) => {
  const parsed = parseRedisUrl(text);
  if (!('fault' in parsed)) return parsed.target;
  context.addIssue({ code: 'custom', message: parsed.fault });
  return z.NEVER;
});

/** Bounds of what clients may do. */
const clientEnvironment = {
  HEADGATE_EDGE_CONNECTIONS_MAX: environmentInteger(1, 1_000_000)
    .default(50_000)
    .describe(
      'Open connections of clients per worker; more are closed at once. The limit of open files may allow fewer.',
    ),
  HEADGATE_EDGE_CONNECTIONS_PER_ADDRESS_MAX: environmentInteger(1, 1_000_000)
    .default(20_000)
    .describe(
      'Open connections of one client address per worker; an IPv6 /64 is one address. At most half of what the limit of open files allows, unless it is a trusted proxy.',
    ),
  HEADGATE_EDGE_REQUESTS_PER_CONNECTION_MAX: environmentInteger(0, 1_000_000_000)
    .default(0)
    .describe(
      'Requests after which a connection is closed; 0: no bound, as opening one costs more than ten requests.',
    ),
  HEADGATE_EDGE_HEADER_TIMEOUT_MS: environmentInteger(100, 3_600_000)
    .default(10_000)
    .describe(
      'Longest time in ms from the first byte of a request head to its last, and from the opening of a connection to its first byte.',
    ),
  HEADGATE_EDGE_KEEP_ALIVE_MS: environmentInteger(100, 3_600_000)
    .default(75_000)
    .describe('Longest time in ms that a connection may stay idle between requests.'),
  HEADGATE_EDGE_CLIENT_RATE_MIN: environmentInteger(0, 1_000_000_000)
    .default(500)
    .describe(
      'Bytes per second at which a client has to send a body and to take an answer; 0: none.',
    ),
  HEADGATE_EDGE_BODY_STALL_MS: environmentInteger(100, 3_600_000)
    .default(20_000)
    .describe('How far in ms a client may be behind that rate with a body, then 408.'),
  HEADGATE_EDGE_WRITE_STALL_MS: environmentInteger(100, 3_600_000)
    .default(60_000)
    .describe('How far in ms a client may be behind that rate with an answer, then it is cut.'),
} as const;

/** The listener with TLS. */
const tlsEnvironment = {
  HEADGATE_EDGE_TLS_LISTEN: environmentAddress
    .optional()
    .describe('Where clients connect with TLS, beside HEADGATE_EDGE_LISTEN; without it nowhere.'),
  HEADGATE_SECRETS_KEY: environmentSecretsKeys
    .optional()
    .describe(
      'Keys that open the private keys of certificates: those of the config-service. Without the right one a tenant has no TLS here.',
    ),
  HEADGATE_EDGE_TLS_CERTIFICATE_FILE: z
    .string()
    .optional()
    .describe(
      'PEM of a certificate and its chain for clients that name no host of a tenant with a certificate; without it these are refused. Read at the start.',
    ),
  HEADGATE_EDGE_TLS_KEY_FILE: z
    .string()
    .optional()
    .describe('PEM of the key of HEADGATE_EDGE_TLS_CERTIFICATE_FILE, without a passphrase.'),
  HEADGATE_EDGE_TLS_HANDSHAKE_MS: environmentInteger(100, 60_000)
    .default(5000)
    .describe('Longest time in ms from the opening of a connection to the end of its handshake.'),
  HEADGATE_EDGE_TLS_HANDSHAKES_MAX: environmentInteger(1, 1_000_000)
    .default(2000)
    .describe('Handshakes under way per worker; more are closed at once.'),
  HEADGATE_EDGE_TLS_CONTEXTS_MAX: environmentInteger(1, 1_000_000)
    .default(2000)
    .describe(
      'Certificates that a worker keeps ready, those used last; others are made ready (0.4 ms) by the next handshake.',
    ),
} as const;

/** The variables that an edge reads; `docs/reference/environment.md` is generated from this schema. */
export const EdgeEnvironment = z.object({
  ...serviceEnvironment,
  HEADGATE_EDGE_LISTEN: environmentAddress
    .prefault('127.0.0.1:8080')
    .describe('Where clients connect; several edges on one machine may share it.'),
  ...tlsEnvironment,
  HEADGATE_EDGE_WORKERS: environmentInteger(1, 256)
    .default(() => availableParallelism())
    .describe('Worker processes; default: one per core.'),
  HEADGATE_REDIS_URL: redisUrl
    .prefault('redis://127.0.0.1:6379')
    .describe(
      'Redis for limits: redis://[USER:PASSWORD@]HOST[:PORT], redis+cluster://…@HOST:PORT,HOST:PORT or redis+sentinel://…@HOST:PORT,HOST:PORT/MASTER; rediss for TLS.',
    ),
  HEADGATE_REDIS_TIMEOUT_MS: environmentInteger(5, 1000)
    .default(25)
    .describe(
      'Longest time in ms that a request waits for Redis before its limits are held without it; ten times that where the worker itself had no time to read.',
    ),
  HEADGATE_LIMIT_LEASES: z
    .enum(['on', 'off'])
    .default('on')
    .describe(
      '"off": no worker takes parts of a limit ahead of its requests, so that each of them waits for Redis. Limits hold in both cases.',
    ),
  HEADGATE_EDGE_LIMIT_HEADERS: z
    .enum(['ietf', 'x-ratelimit', 'both', 'off'])
    .default('ietf')
    .describe(
      'Fields that tell clients of their limits: "ietf": RateLimit-Policy and RateLimit; "x-ratelimit": X-RateLimit-Limit, -Remaining and -Reset (in seconds from now) of the tightest limit; "both"; "off". Answers 429 have Retry-After in any case.',
    ),
  HEADGATE_DATA_DIR: z
    .string()
    .default('.headgate/edge')
    .describe(
      'Directory of the last good configuration and, in `code`, of compiled code for quicker starts (NODE_COMPILE_CACHE names another directory for the latter); one edge per directory. Whoever may write it may run code in the edge.',
    ),
  HEADGATE_EDGE_PROXY_PROTOCOL: z
    .enum(['off', 'v2'])
    .default('off')
    .describe(
      '"v2": every connection starts with a PROXY protocol v2 header of the load balancer.',
    ),
  HEADGATE_EDGE_TRUSTED_PROXIES: environmentAddressRanges
    .default([])
    .describe('Addresses and CIDR ranges that may set X-Forwarded-* and the tenant header.'),
  HEADGATE_ENDPOINT_ADDRESSES_ALLOWED: environmentAddressRanges
    .default([])
    .describe(
      'Addresses and CIDR ranges, such as 127.0.0.0/8, that names of endpoints may lead to although they are loopback, link-local or the like.',
    ),
  HEADGATE_EDGE_ACCESS_RECORDS: z
    .enum(['on', 'off'])
    .default('on')
    .describe('"off": no access record is written; metrics and traces stay.'),
  HEADGATE_EDGE_TENANT_HEADER: z
    .string()
    .regex(/^[a-z][a-z0-9-]{0,62}$/, 'must be a lower-case header name')
    .default('x-tenant-id')
    .describe('Header that names the tenant: from trusted sources, and to backends.'),
  HEADGATE_EDGE_RING: Ring.default('default').describe(
    'Ring of this edge: rollouts reach one ring after the other.',
  ),
  HEADGATE_EDGE_OVERLOAD_LAG_MS: environmentInteger(1, 60_000)
    .default(200)
    .describe(
      'Longest time in ms that a request should wait until a worker looks at it; above 1.5 times that it sheds.',
    ),
  HEADGATE_EDGE_SOAK_MS: environmentInteger(1000, 86_400_000)
    .default(300_000)
    .describe(
      'Time in ms that workers have to serve with a revision, none of them ending, before it counts as good.',
    ),
  HEADGATE_EDGE_DRAIN_MS: environmentInteger(0, 3_600_000)
    .default(10_000)
    .describe('Longest time in ms that connections may take to end after SIGTERM.'),
  HEADGATE_EDGE_DRAIN_DELAY_MS: environmentInteger(0, 600_000)
    .default(0)
    .describe(
      'Time in ms between "not ready" and the end of accepting, for load balancers to notice.',
    ),
  ...clientEnvironment,
  HEADGATE_ZONE: z.string().max(63).optional().describe('Zone of this edge, for status.'),
});

/** Settings of the listener with TLS. */
export interface TlsSettings extends Omit<TlsWorkerSettings, 'defaultCertificate'> {
  /** Of the edge's own certificate; null for none. */
  readonly files: { readonly chain: string; readonly privateKey: string } | null;
}

/** Settings of an edge, all from the environment; {@link EdgeEnvironment} says what they mean. */
export interface Settings extends ServiceSettings {
  readonly listen: { readonly host: string; readonly port: number };
  /** Null: no listener with TLS. */
  readonly tls: TlsSettings | null;
  readonly workers: number;
  readonly redis: RedisTarget;
  /** Longest time that a call of Redis may take. */
  readonly redisTimeoutMs: number;
  /** Whether parts of limits may be taken ahead of requests. */
  readonly leases: boolean;
  /** Which fields tell clients of their limits. */
  readonly limitHeaders: LimitHeadersFormat;
  readonly dataDirectory: string;
  readonly proxyProtocol: boolean;
  readonly trustedProxies: readonly string[];
  /** Addresses and CIDR ranges that names of endpoints may lead to beside. */
  readonly allowedAddresses: readonly string[];
  readonly accessRecords: boolean;
  readonly tenantHeader: string;
  /** For rollouts. */
  readonly ring: string;
  readonly clients: ClientLimits;
  readonly overloadLagMs: number;
  /** Of revisions, until they count as good. */
  readonly soakMs: number;
  readonly drainMs: number;
  readonly drainDelayMs: number;
  /** Empty: none. */
  readonly zone: string;
}

/** Reads the settings. @throws EnvironmentError that names every fault. */
export function readSettings(
  environment: Readonly<Record<string, string | undefined>>,
): EnvironmentReading<Settings> {
  const { settings, unknown } = readEnvironment(EdgeEnvironment, environment);
  return {
    unknown,
    settings: Object.freeze({
      ...readServiceSettings(settings, `edge-${hostname()}`),
      listen: settings.HEADGATE_EDGE_LISTEN,
      tls: readTls(settings),
      workers: settings.HEADGATE_EDGE_WORKERS,
      redis: settings.HEADGATE_REDIS_URL,
      redisTimeoutMs: settings.HEADGATE_REDIS_TIMEOUT_MS,
      leases: settings.HEADGATE_LIMIT_LEASES === 'on',
      limitHeaders: settings.HEADGATE_EDGE_LIMIT_HEADERS,
      dataDirectory: settings.HEADGATE_DATA_DIR,
      proxyProtocol: settings.HEADGATE_EDGE_PROXY_PROTOCOL === 'v2',
      allowedAddresses: settings.HEADGATE_ENDPOINT_ADDRESSES_ALLOWED,
      trustedProxies: settings.HEADGATE_EDGE_TRUSTED_PROXIES,
      accessRecords: settings.HEADGATE_EDGE_ACCESS_RECORDS === 'on',
      tenantHeader: settings.HEADGATE_EDGE_TENANT_HEADER,
      ring: settings.HEADGATE_EDGE_RING,
      clients: Object.freeze({
        headerTimeoutMs: settings.HEADGATE_EDGE_HEADER_TIMEOUT_MS,
        keepAliveTimeoutMs: settings.HEADGATE_EDGE_KEEP_ALIVE_MS,
        bytesPerSecondMin: settings.HEADGATE_EDGE_CLIENT_RATE_MIN,
        bodyStallMs: settings.HEADGATE_EDGE_BODY_STALL_MS,
        writeStallMs: settings.HEADGATE_EDGE_WRITE_STALL_MS,
        connectionsMax: settings.HEADGATE_EDGE_CONNECTIONS_MAX,
        connectionsPerAddressMax: settings.HEADGATE_EDGE_CONNECTIONS_PER_ADDRESS_MAX,
        requestsPerConnectionMax: settings.HEADGATE_EDGE_REQUESTS_PER_CONNECTION_MAX,
      }),
      overloadLagMs: settings.HEADGATE_EDGE_OVERLOAD_LAG_MS,
      soakMs: settings.HEADGATE_EDGE_SOAK_MS,
      drainMs: settings.HEADGATE_EDGE_DRAIN_MS,
      drainDelayMs: settings.HEADGATE_EDGE_DRAIN_DELAY_MS,
      zone: settings.HEADGATE_ZONE ?? '',
    }),
  };
}

function readTls(settings: z.output<typeof EdgeEnvironment>): TlsSettings | null {
  const {
    HEADGATE_EDGE_TLS_LISTEN: listen,
    HEADGATE_EDGE_TLS_CERTIFICATE_FILE: chain,
    HEADGATE_EDGE_TLS_KEY_FILE: privateKey,
  } = settings;
  if ((chain === undefined) !== (privateKey === undefined)) {
    const names = 'HEADGATE_EDGE_TLS_CERTIFICATE_FILE and HEADGATE_EDGE_TLS_KEY_FILE';
    throw new EnvironmentError([`${names}: one without the other; set both or none`]);
  }
  if (listen === undefined) return null;
  if (listen.port === settings.HEADGATE_EDGE_LISTEN.port && listen.port !== 0) {
    const rule = `the port of HEADGATE_EDGE_LISTEN is ${listen.port} too; TLS needs one of its own`;
    throw new EnvironmentError([`HEADGATE_EDGE_TLS_LISTEN: ${rule}`]);
  }
  return Object.freeze({
    listen,
    secretsKeys: settings.HEADGATE_SECRETS_KEY ?? [],
    files: chain === undefined || privateKey === undefined ? null : { chain, privateKey },
    handshakeMs: settings.HEADGATE_EDGE_TLS_HANDSHAKE_MS,
    handshakesMax: settings.HEADGATE_EDGE_TLS_HANDSHAKES_MAX,
    contextsMax: settings.HEADGATE_EDGE_TLS_CONTEXTS_MAX,
  });
}
