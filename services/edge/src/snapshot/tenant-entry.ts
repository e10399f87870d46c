import {
  describeFaults,
  documentKey,
  TenantDocument,
  type DocumentHeader,
  type PlanDocument,
} from '@headgate/model';
import { TenantSlot, type WorkerMetrics } from '@headgate/telemetry';
import { z } from 'zod';
import { shortReason } from '../ipc/reason.ts';
import type { IssuerKeys } from '../jwt/issuer-keys.ts';
import type { TenantHandle } from '../stages/identify-tenant.ts';
import type { SecureContexts } from '../tls/secure-contexts.ts';
import type { UpstreamRegistry } from '../upstream/upstream-registry.ts';
import { compileTenant, type CompiledTenant } from './compile-tenant.ts';
import { RevisionFaults, type RevisionScope } from './revision-faults.ts';

/** A plan as a worker holds it. */
export interface HeldPlan {
  readonly revision: number;
  readonly document: PlanDocument;
}

/** What entries of one worker share. */
export interface TenantEntryDeps {
  readonly upstreams: UpstreamRegistry;
  readonly issuerKeys: IssuerKeys;
  readonly metrics: WorkerMetrics;
  readonly tenantHeader: string;
  /** Entered while a revision is compiled. */
  readonly scope: RevisionScope;
  /** Of the listener with TLS; null: there is none, and certificates are not looked at. */
  readonly contexts: Pick<SecureContexts, 'whyClosed' | 'replace'> | null;
  readonly findPlan: (planId: string) => HeldPlan | undefined;
  /** An entry was compiled, or could not be: told for work that nobody waits for. */
  readonly onLazyFailure: (entry: TenantEntry, reason: string) => void;
}

/**
 * One tenant of one worker: the document that is in force, and its snapshot once somebody asked for it.
 *
 *     lazy (text only) ── first request ──► compiled ── plan changed ──► stale ── next request ──► compiled
 *            └── does not compile ──► quarantined: null until a newer revision
 *
 * A changed shared upstream needs no compilation: the routes to it get their endpoints before the next request.
 */
export class TenantEntry implements TenantHandle {
  readonly id: string;
  header: DocumentHeader;
  /** A newer revision that was rejected, and may fit when its plan or a shared upstream arrives; null for none. */
  rejected: { readonly header: DocumentHeader; readonly body: string } | null = null;
  readonly #deps: TenantEntryDeps;
  #body: string;
  #compiled: CompiledTenant | null = null;
  /** Something is to be done before the next use. */
  #stale = true;
  /** Compile, that is. */
  #outdated = true;
  /** Take over what shared upstreams have become. */
  #sharedChanged = false;
  #planId: string | null = null;
  #sharedIds: ReadonlySet<string> = NO_IDS;

  constructor(id: string, header: DocumentHeader, body: string, deps: TenantEntryDeps) {
    this.id = id;
    this.header = header;
    this.#body = body;
    this.#deps = deps;
  }

  /** JSON text of the document in force. */
  get body(): string {
    return this.#body;
  }

  /** @hot */
  snapshot(): CompiledTenant | null {
    if (!this.#stale) return this.#compiled;
    this.#stale = false; // a document that does not compile is not tried again by each request
    if (this.#sharedChanged) {
      this.#sharedChanged = false;
      this.#deps.upstreams.refresh(this.id);
    }
    if (!this.#outdated) return this.#compiled;
    this.#outdated = false;
    const fault = this.#compile(this.header, this.#body, { needsAll: false, keeps: true });
    if (fault === null) return this.#compiled;
    this.#deps.onLazyFailure(this, fault);
    // A candidate of a rollout has given way to the tenant's own document.
    return this.#stale ? this.snapshot() : this.#compiled;
  }

  /**
   * Puts a new revision in force if it compiles; else returns why, and everything stays as it was. If nobody has asked for
   * the tenant yet, that it compiles is all that is kept: of 100,000 tenants most wait for nobody, and what survives the
   * next garbage collection makes it long.
   *
   * @param replaces whether there is a revision that can go on serving: then it does until all shared upstreams are known and all certificates
   * can be opened.
   */
  replace(header: DocumentHeader, body: string, replaces: boolean): string | null {
    const inUse = this.#compiled !== null;
    const needsAll = replaces && (inUse || this.#outdated);
    const fault = this.#compile(header, body, { needsAll, keeps: inUse });
    if (fault !== null) return fault;
    if (!inUse) {
      this.replaceLazily(header, body);
      return null;
    }
    this.header = header;
    this.#body = body;
    this.#stale = false;
    this.#outdated = false;
    this.#sharedChanged = false;
    return null;
  }

  /** Takes a revision without looking at it; it is compiled on first use, and what was before is gone. */
  replaceLazily(header: DocumentHeader, body: string): void {
    this.header = header;
    this.#body = body;
    this.#replaceCompiled(null);
    this.#stale = true;
    this.#outdated = true;
  }

  /** The tenant is gone. */
  close(): void {
    this.#replaceCompiled(null);
  }

  /** The plan has a new revision: compile again before the next use, if this tenant is on it. */
  onPlanChanged(planId: string): void {
    if (this.#planId !== planId && this.#compiled !== null) return;
    this.#stale = true;
    this.#outdated = true;
  }

  /** The shared upstream has a new revision, or is gone: routes to it change before the next use. */
  onSharedUpstreamChanged(id: string): void {
    if (!this.#sharedIds.has(id)) return;
    this.#stale = true;
    this.#sharedChanged = true;
  }

  #compile(header: DocumentHeader, body: string, purpose: Purpose): string | null {
    const faults = new RevisionFaults(documentKey(header.kind, header.id), header.revision);
    return this.#deps.scope.run(faults, () => this.#compileAs(faults, body, purpose));
  }

  /**
   * A certificate whose key cannot be opened here, as the edge has not the key of the platform that it was sealed with. Only what replaces
   * a revision that serves is refused for it: otherwise HTTP would be lost beside TLS.
   */
  #whyClosed({ certificates }: TenantDocument): string | null {
    const { contexts } = this.#deps;
    if (contexts === null) return null;
    for (const certificate of certificates) {
      const reason = contexts.whyClosed(certificate);
      if (reason !== null) return reason;
    }
    return null;
  }

  #replaceCompiled(compiled: CompiledTenant | null): void {
    const before = this.#compiled?.certificates.all ?? [];
    this.#compiled = compiled;
    if (before.length > 0) this.#deps.contexts?.replace(before, compiled?.certificates.all ?? []);
  }

  #compileAs(faults: RevisionFaults, body: string, purpose: Purpose): string | null {
    try {
      const document = TenantDocument.parse(JSON.parse(body));
      if (document.tenant.id !== this.id) return 'the document names another tenant';
      const plan = this.#deps.findPlan(document.tenant.planId);
      if (plan === undefined) return `plan ${document.tenant.planId} is not known here (yet)`;
      const sharedIds = sharedIdsOf(document);
      for (const id of purpose.needsAll ? sharedIds : NO_IDS) {
        if (!this.#deps.upstreams.hasShared(id)) {
          return `shared upstream ${id} is not known here (yet)`;
        }
      }
      const closed = purpose.needsAll ? this.#whyClosed(document) : null;
      if (closed !== null) return closed;
      const upstreams = this.#deps.upstreams.build(this.id, document.upstreams, sharedIds);
      const keySources = this.#deps.issuerKeys.build(this.id, document.jwtIssuers);
      const compiled = compileTenant({
        revision: faults.revision,
        faults,
        document,
        planRevision: plan.revision,
        plan: plan.document,
        upstreams,
        keySources,
        metrics: purpose.keeps ? this.#deps.metrics.tenantSlot(this.id) : NO_SLOT,
        tenantHeader: this.#deps.tenantHeader,
      });
      if (!purpose.keeps) return null;
      this.#deps.upstreams.commit(this.id, upstreams, document.upstreams);
      this.#deps.issuerKeys.commit(this.id, document.jwtIssuers, keySources);
      this.#replaceCompiled(compiled);
      this.#planId = document.tenant.planId;
      this.#sharedIds = sharedIds;
      return null;
    } catch (error) {
      return describeFault(error);
    }
  }
}

const NO_IDS: ReadonlySet<string> = new Set();

/** Of snapshots that serve nobody. */
const NO_SLOT = new TenantSlot('');

/** What a compilation is for. */
interface Purpose {
  /** It fails while a shared upstream is unknown, or a certificate cannot be opened. */
  readonly needsAll: boolean;
  /** Its result serves; else it only shows whether there is one. */
  readonly keeps: boolean;
}

/** Shared upstreams that routes lead to. */
function sharedIdsOf({ routes }: TenantDocument): ReadonlySet<string> {
  const ids = routes.flatMap(({ sharedUpstreamId }) => sharedUpstreamId ?? []);
  return ids.length === 0 ? NO_IDS : new Set(ids);
}

/** What a document's fault is, in one short line. */
export function describeFault(error: unknown): string {
  if (error instanceof z.ZodError) {
    const faults = describeFaults(error, undefined);
    return shortReason(faults.map(({ path, rule }) => `${path}: ${rule}`).join('; '));
  }
  return shortReason(error instanceof Error ? error.message : String(error));
}
