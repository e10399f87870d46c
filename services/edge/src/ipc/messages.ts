import type { LimitUsage } from '@headgate/bus';
import type { QuotaMark } from '@headgate/limiting';
import type { DocumentHeader, HealthState } from '@headgate/model';
import type { LogLevel, WorkerSnapshot } from '@headgate/telemetry';

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

/** What a worker needs to know of its environment; plain data. */
export interface WorkerSettings {
  readonly nodeId: string;
  /** Of this edge, for rollouts. */
  readonly ring: string;
  readonly workerIndex: number;
  readonly version: string;
  readonly listen: { readonly host: string; readonly port: number };
  readonly proxyProtocol: boolean;
  readonly trustedProxies: readonly string[];
  readonly accessRecords: boolean;
  readonly tenantHeader: string;
  readonly clients: ClientLimits;
  readonly overloadLagMs: number;
  readonly redis: {
    readonly host: string;
    readonly port: number;
    readonly username?: string;
    readonly password?: string;
    readonly tls: boolean;
  };
  readonly logLevel: LogLevel;
  /** Variables that OpenTelemetry's exporter reads. */
  readonly tracing: Readonly<Record<string, string>>;
}

/** A document as it goes to a worker; the body is JSON text, parsed on first use. */
export interface WorkerDocument {
  readonly key: string;
  readonly header: DocumentHeader;
  readonly body: string;
}

/** What became of a document. */
export interface DocumentOutcome {
  readonly key: string;
  readonly revision: number;
  readonly outcome: 'applied' | 'rejected';
  /** Why it was rejected; '' otherwise. */
  readonly reason: string;
}

/** From the primary to a worker. */
export type PrimaryMessage =
  | { readonly type: 'start'; readonly settings: WorkerSettings }
  /** `compileNow`: a live change, compiled and answered at once; otherwise on first use. */
  | {
      readonly type: 'documents';
      readonly compileNow: boolean;
      readonly documents: readonly WorkerDocument[];
    }
  | { readonly type: 'removed'; readonly keys: readonly string[] }
  | { readonly type: 'health'; readonly states: readonly HealthState[] }
  /** What an earlier run knew of quotas. */
  | { readonly type: 'quotas'; readonly marks: readonly QuotaMark[] }
  | { readonly type: 'share'; readonly liveEdges: number; readonly rank: number }
  /** The configuration is complete: accept connections. */
  | { readonly type: 'listen' }
  | { readonly type: 'take_metrics'; readonly id: number }
  | { readonly type: 'ping'; readonly id: number }
  | { readonly type: 'stop_accepting' }
  /** End all connections, the last ones `deadlineMs` from now. */
  | { readonly type: 'drain'; readonly deadlineMs: number };

/** From a worker to the primary. */
export type WorkerMessage =
  | { readonly type: 'started' }
  | { readonly type: 'listening'; readonly port: number }
  | { readonly type: 'failed'; readonly reason: string }
  | { readonly type: 'outcomes'; readonly outcomes: readonly DocumentOutcome[] }
  | { readonly type: 'metrics'; readonly id: number; readonly snapshot: WorkerSnapshot }
  /** Once a second, if any limit was asked for. */
  | { readonly type: 'limit_usage'; readonly entries: readonly LimitUsage[] }
  /** What has changed of quotas. */
  | { readonly type: 'quotas'; readonly marks: readonly QuotaMark[] }
  | { readonly type: 'pong'; readonly id: number }
  | { readonly type: 'stopped_accepting' }
  | { readonly type: 'drained' };
