import type { TemporaryDirectory } from '@headgate/testkit';

/** A certificate for `TLS_HOST`, in PEM, and its key. */
export interface TlsFiles {
  readonly certificate: string;
  readonly key: string;
  /** One after the other. */
  readonly both: string;
}

/** What candidates are started with. */
export interface CandidateContext {
  /** Ports of the backend on 127.0.0.1; a candidate spreads its requests over all of them. */
  readonly backendPorts: readonly number[];
  /** Hosts of all configured tenants. */
  readonly hosts: readonly string[];
  /** Path of the requests. */
  readonly path: string;
  /** Further header fields of all requests, in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** Base URL of a receiver of traces over OTLP/HTTP. */
  readonly otlpUrl: string;
  /** For candidates that end TLS, too. */
  readonly tls: TlsFiles;
  /** Where an edge finds NATS and Redis. Default: nowhere. */
  readonly edgeEnv?: Readonly<Record<string, string>>;
  /** A directory of the candidate's own; its owner removes it. */
  readonly directory: TemporaryDirectory['path'];
}

/** A running candidate. */
export interface RunningCandidate {
  /** Where it serves on 127.0.0.1. */
  readonly port: number;
  /** Where it serves requests for `TLS_HOST` over TLS; absent for nowhere. */
  readonly tlsPort?: number;
  /** Root of its process tree, whose CPU time and memory are measured. */
  readonly pid: number;
  /** Its own Redis on 127.0.0.1, whose CPU time counts as its own. */
  readonly redis?: { readonly port: number; readonly pid: number };
  /** Called after each of its rounds, outside the measurement. */
  readonly afterRound?: () => Promise<void>;
  /** Called once after the last round: what it did not do of its profile, such as lost records. */
  readonly findFaults?: () => Promise<readonly string[]>;
  stop(): Promise<unknown>;
}

/** A proxy to measure: one file each. */
export interface Candidate {
  readonly name: string;
  /** What it does per request, in words. */
  readonly description: string;
  /** Tenants whose hosts it is configured with. */
  readonly tenants: number;
  /** How many of them, spread evenly, requests name in turn. */
  readonly activeTenants: number;
  /** Why it cannot run here, such as "caddy is not installed"; null if it can. */
  missing(): Promise<string | null>;
  /** Starts it with one worker; resolves when it serves. @throws Error if it does not. */
  start(context: CandidateContext): Promise<RunningCandidate>;
}
