import type { LimitUsage } from '@headgate/bus';
import type { LimitHeadersFormat, QuotaMark } from '@headgate/limiting';
import type { RedisTarget } from '@headgate/limiting-redis';
import type { HealthState } from '@headgate/model';
import type { LogLevel, WorkerSnapshot } from '@headgate/telemetry';
import type { DemandSecond } from '../usage/demand-tally.ts';

// Messages between the primary and its workers. Both run the same build, so they are typed and not parsed.

/** Bounds of client connections, all per worker; `environment.ts` says what they mean. */
export interface ClientLimits {
  readonly headerTimeoutMs: number;
  readonly keepAliveTimeoutMs: number;
  readonly bytesPerSecondMin: number;
  readonly bodyStallMs: number;
  readonly writeStallMs: number;
  readonly connectionsMax: number;
  readonly connectionsPerAddressMax: number;
  /** 0 for no bound. */
  readonly requestsPerConnectionMax: number;
}

/** The listener with TLS; `environment.ts` says what the fields mean. */
export interface TlsWorkerSettings {
  readonly listen: { readonly host: string; readonly port: number };
  /** That open the keys of tenants' certificates; empty: none can be opened. */
  readonly secretsKeys: readonly string[];
  /** Of the edge itself, in PEM; null: names without a tenant's certificate are refused. */
  readonly defaultCertificate: { readonly chain: string; readonly privateKey: string } | null;
  readonly handshakeMs: number;
  readonly handshakesMax: number;
  readonly contextsMax: number;
}

/** What a worker needs to know of its environment; plain data. */
export interface WorkerSettings {
  readonly nodeId: string;
  /** Of this edge, for rollouts. */
  readonly ring: string;
  readonly workerIndex: number;
  readonly version: string;
  readonly listen: { readonly host: string; readonly port: number };
  /** Null: no listener with TLS. */
  readonly tls: TlsWorkerSettings | null;
  readonly proxyProtocol: boolean;
  readonly trustedProxies: readonly string[];
  readonly allowedAddresses: readonly string[];
  readonly accessRecords: boolean;
  readonly tenantHeader: string;
  readonly clients: ClientLimits;
  readonly overloadLagMs: number;
  readonly redis: RedisTarget;
  readonly redisTimeoutMs: number;
  readonly leases: boolean;
  readonly limitHeaders: LimitHeadersFormat;
  readonly logLevel: LogLevel;
  /** Variables that OpenTelemetry's exporter reads. */
  readonly tracing: Readonly<Record<string, string>>;
}

/** What became of a document. */
export interface DocumentOutcome {
  readonly key: string;
  readonly revision: number;
  readonly outcome: 'applied' | 'rejected';
  /** Why it was rejected; '' otherwise. */
  readonly reason: string;
}

/** The same of many documents: where all is well, as nearly always, names of fields would be most of the message. */
export interface PackedOutcomes {
  readonly applied: readonly (readonly [key: string, revision: number])[];
  readonly rejected: readonly DocumentOutcome[];
}

/** Packs what became of documents, at most one revision of each. */
export function packOutcomes(outcomes: readonly DocumentOutcome[]): PackedOutcomes {
  const applied: [string, number][] = [];
  const rejected: DocumentOutcome[] = [];
  for (const one of outcomes) {
    if (one.outcome === 'applied') applied.push([one.key, one.revision]);
    else rejected.push(one);
  }
  return { applied, rejected };
}

export function unpackOutcomes({ applied, rejected }: PackedOutcomes): DocumentOutcome[] {
  const outcomes = applied.map(([key, revision]): DocumentOutcome => ({
    key,
    revision,
    outcome: 'applied',
    reason: '',
  }));
  return [...outcomes, ...rejected];
}

/** A revision in force that threw, and what. */
export interface RevisionFault {
  readonly key: string;
  readonly revision: number;
  readonly reason: string;
}

/** From the primary to a worker. */
export type PrimaryMessage =
  | { readonly type: 'start'; readonly settings: WorkerSettings }
  /** `compileNow`: a live change, compiled and answered at once; otherwise on first use. */
  | {
      readonly type: 'documents';
      readonly compileNow: boolean;
      /** Texts of documents, see `WireDocument`. */
      readonly documents: readonly string[];
    }
  | { readonly type: 'removed'; readonly keys: readonly string[] }
  | { readonly type: 'health'; readonly states: readonly HealthState[] }
  /** What an earlier run knew of quotas. */
  | { readonly type: 'quotas'; readonly marks: readonly QuotaMark[] }
  | { readonly type: 'share'; readonly liveEdges: number; readonly rank: number }
  /** The first configuration ends here; answered once all before it has been acted on. */
  | { readonly type: 'barrier' }
  /** The configuration is complete: accept connections. */
  | { readonly type: 'listen' }
  | { readonly type: 'take_metrics'; readonly id: number }
  | { readonly type: 'ping'; readonly id: number }
  | { readonly type: 'stop_accepting' }
  /** End all connections, the last ones `deadlineMs` from now. */
  | { readonly type: 'drain'; readonly deadlineMs: number };

const ORDERED = ['documents', 'removed', 'barrier', 'listen'] as const;

/** Messages that act one after the other, in the order in which they came: the configuration, and what needs all of it. */
export type OrderedMessage = Extract<PrimaryMessage, { readonly type: (typeof ORDERED)[number] }>;

/** Whether a message waits for those before it. All others pass what waits. */
export function isOrdered(message: PrimaryMessage): message is OrderedMessage {
  return ORDERED.some((type) => type === message.type);
}

/** From a worker to the primary. */
export type WorkerMessage =
  | { readonly type: 'started' }
  | { readonly type: 'listening'; readonly port: number }
  /** It cannot start. */
  | { readonly type: 'failed'; readonly reason: string }
  /** An exception that is nobody's: it serves on, and wants to be replaced. */
  | { readonly type: 'failing'; readonly reason: string }
  | { readonly type: 'fault'; readonly fault: RevisionFault }
  /** Of documents taken unseen only those that are rejected. */
  | { readonly type: 'outcomes'; readonly outcomes: PackedOutcomes }
  | { readonly type: 'barrier_reached' }
  | { readonly type: 'metrics'; readonly id: number; readonly snapshot: WorkerSnapshot }
  /** Once a second, if any limit was asked for. */
  | { readonly type: 'limit_usage'; readonly entries: readonly LimitUsage[] }
  /** Once a second, if there were requests. */
  | { readonly type: 'demand'; readonly seconds: readonly DemandSecond[] }
  /** What has changed of quotas. */
  | { readonly type: 'quotas'; readonly marks: readonly QuotaMark[] }
  | { readonly type: 'pong'; readonly id: number }
  | { readonly type: 'stopped_accepting' }
  | { readonly type: 'drained' };
