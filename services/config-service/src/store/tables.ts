import type { ColumnType, Generated } from 'kysely';

/** Columns that every kind of resource has. `spec` was validated with the schemas of @headgate/model. */
export interface ResourceColumns {
  readonly id: string;
  readonly spec: unknown;
  readonly revision: number;
  readonly created_at: Date;
  readonly updated_at: Date;
}

/** Columns of a resource inside of a tenant. */
export interface NestedColumns extends ResourceColumns {
  readonly tenant_id: string;
}

/** A host, path prefix or header value that belongs to exactly one tenant. */
export interface ClaimColumns {
  readonly kind: string;
  readonly value: string;
  readonly tenant_id: string;
}

/** The newest published form of a tenant, plan or shared upstream, tombstones included. */
export interface DocumentColumns {
  readonly key: string;
  readonly kind: string;
  readonly id: string;
  readonly revision: number;
  readonly deleted: boolean;
  readonly sha256: string;
  /** The identity part of the header as JSON, or null. */
  readonly identity: unknown;
  /** JSON text, byte for byte as published; empty for a tombstone. */
  readonly body: string;
  /** First revision of the tenant; older ones are of a tenant that had its id before. */
  readonly since_revision: number;
  /** Of a rollout: the rings in the header as JSON; else null. */
  readonly rings: unknown;
}

/** The newest rollout of a tenant; rollouts.ts says what the columns mean. */
export interface RolloutColumns {
  readonly tenant_id: string;
  readonly state: string;
  readonly plan: ColumnType<unknown, string, string>;
  readonly step: number;
  readonly revision: number;
  readonly final_revision: number | null;
  readonly baseline: ColumnType<unknown, string | null, string | null>;
  readonly reason: string | null;
  readonly started_at: Date;
  readonly started_by: string;
  readonly step_at: Date;
}

/** Every revision that was given out; it is the outbox too: a null `published_at` is still to be sent. */
export interface RevisionColumns {
  readonly revision: number;
  readonly key: string;
  readonly committed_at: Date;
  readonly published_at: Date | null;
}

/** Who changed what, when and from where. A trigger refuses updates and deletions. */
export interface AuditColumns {
  readonly id: Generated<number>;
  readonly at: Date;
  readonly actor: string;
  readonly source: string;
  readonly action: string;
  readonly kind: string;
  readonly tenant_id: string | null;
  readonly resource_id: string;
  readonly revision: number;
  /** Null in rows of version 0.1.0. */
  readonly request_id: string | null;
  /** Operation of the API, such as `putRoute`; null in rows of version 0.1.0. */
  readonly operation: string | null;
  readonly before: ColumnType<unknown, string | null, never>;
  readonly after: ColumnType<unknown, string | null, never>;
}

/** What one revision made of a tenant. */
export interface HistoryColumns {
  readonly tenant_id: string;
  readonly revision: number;
  readonly at: Date;
  readonly actor: string;
  readonly source: string;
  readonly request_id: string | null;
  readonly operation: string | null;
  /** The revision that a rollback restored. */
  readonly rolled_back_to: number | null;
  /** The first of its changes, as JSON. */
  readonly changes: unknown;
  /** How many there were in all. */
  readonly change_count: number;
  readonly deleted: boolean;
  /** Body of the document as published; empty for a deletion. */
  readonly body: string;
}

/** A credential of the management API. */
export interface AccessTokenColumns {
  readonly id: string;
  /** An `AccessTokenSpec` of @headgate/model. */
  readonly spec: ColumnType<unknown, string, string>;
  readonly sha256: string;
  readonly hint: string;
  readonly created_at: Date;
  readonly created_by: string;
}

/** The reply to a write with an Idempotency-Key. */
export interface KeptReplyColumns {
  /** Names who asked, with the rights that it had. */
  readonly asker: string;
  readonly key: string;
  /** SHA-256 of the request. */
  readonly fingerprint: string;
  /** Names the one request that may write the reply. */
  readonly claim: string;
  readonly busy_until: Date;
  readonly expires_at: Date;
  /** Null while the request is under way. */
  readonly reply: string | null;
}

/** How the configuration is to be; at most one row. */
export interface DeclarationColumns {
  readonly id: 1;
  /** Of the sequence of the revisions; no document has it. */
  readonly revision: number;
  /** A `Bundle` of @headgate/model as JSON text. */
  readonly bundle: string;
  readonly declared_at: Date;
  readonly declared_by: string;
  /** When it was first seen that the configuration differs; null if it does not. */
  readonly drifted_at: Date | null;
}

/** The tables, for Kysely. */
export interface Tables {
  installation: { readonly epoch: string };
  plans: ResourceColumns;
  shared_upstreams: ResourceColumns;
  tenants: ResourceColumns & { readonly plan_id: Generated<string> };
  upstreams: NestedColumns;
  jwt_issuers: NestedColumns;
  routes: NestedColumns & {
    readonly upstream_id: Generated<string | null>;
    readonly shared_upstream_id: Generated<string | null>;
  };
  api_keys: NestedColumns & { readonly sha256: Generated<string> };
  certificates: NestedColumns & { readonly not_after: Generated<string> };
  claims: ClaimColumns;
  documents: DocumentColumns;
  revisions: RevisionColumns;
  audit: AuditColumns;
  tenant_history: HistoryColumns;
  access_tokens: AccessTokenColumns;
  kept_replies: KeptReplyColumns;
  rollouts: RolloutColumns;
  declaration: DeclarationColumns;
}
