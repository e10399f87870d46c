import {
  documentKey,
  PlanDocument,
  UpstreamDocument,
  type DocumentHeader,
  type TenantIdentity,
} from '@headgate/model';
import { TenantIndex } from '@headgate/routing';
import type { DocumentOutcome } from '../ipc/messages.ts';
import { isForRing } from '../ipc/ring.ts';
import type { ParsedDocument } from '../ipc/wire-document.ts';
import type { TenantDirectory } from '../stages/identify-tenant.ts';
import { SharedLimits } from './shared-limits.ts';
import { describeFault, TenantEntry, type HeldPlan, type TenantEntryDeps } from './tenant-entry.ts';

/** What the store works with. */
export interface TenantStoreDeps extends Omit<TenantEntryDeps, 'findPlan' | 'onLazyFailure'> {
  /** Of this edge: which rollouts it takes part in. */
  readonly ring: string;
  /** Told of every outcome that no caller waits for. */
  readonly onOutcome: (outcome: DocumentOutcome) => void;
  /** Told when a tenant claims a pattern that another one holds; the holder keeps it. */
  readonly onConflict: (tenantId: string, pattern: string, holderId: string) => void;
}

/** A document that is held beside the one in force. */
interface HeldDocument {
  readonly header: DocumentHeader;
  readonly body: string;
}

/**
 * All tenants, plans and shared upstreams of one worker. Work per change depends on the changed document only; no fault in a document of
 * one tenant can reach another.
 *
 * A rollout that names this ring serves in place of its tenant's own document if it is newer than that; without the
 * tenant's document it waits.
 */
export class TenantStore implements TenantDirectory {
  /** Of the pools of plans. */
  readonly sharedLimits = new SharedLimits();
  readonly #deps: TenantStoreDeps;
  readonly #entryDeps: TenantEntryDeps;
  readonly #tenants = new Map<string, TenantEntry>();
  readonly #plans = new Map<string, HeldPlan>();
  readonly #index = new TenantIndex<TenantEntry>();
  /** Candidates of rollouts for this ring, in force or waiting for their tenant. */
  readonly #candidates = new Map<string, HeldDocument>();
  /** The tenant's own document, of tenants that a candidate serves. */
  readonly #bases = new Map<string, HeldDocument>();
  /** Tenants that lack a pattern because another holds it. */
  readonly #contested = new Set<TenantEntry>();

  constructor(deps: TenantStoreDeps) {
    this.#deps = deps;
    this.#entryDeps = {
      ...deps,
      findPlan: (planId) => this.#plans.get(planId),
      onLazyFailure: (entry, reason) => {
        const { header } = entry;
        deps.onOutcome(outcomeOf(documentKey(header.kind, header.id), header, reason));
        if (header.kind === 'rollout') this.#dropCandidate(header.id);
      },
    };
  }

  get tenantCount(): number {
    return this.#tenants.size;
  }

  get planCount(): number {
    return this.#plans.size;
  }

  get version(): number {
    return this.#index.version;
  }

  /** @hot */
  findByHost(host: string): TenantEntry | null {
    return this.#index.findByHost(host);
  }

  /** @hot */
  findByPath(path: string): TenantEntry | null {
    return this.#index.findByPath(path);
  }

  findById(id: string): TenantEntry | null {
    return this.#tenants.get(id) ?? null;
  }

  findByHeaderValue(value: string): TenantEntry | null {
    return this.#index.findByHeaderValue(value);
  }

  /** Takes in a document; older revisions are passed over by the sender. */
  apply(document: ParsedDocument, compileNow: boolean): DocumentOutcome {
    const { key, header, body } = document;
    return outcomeOf(key, header, this.#tryApply(header, body, compileNow));
  }

  /** Whatever is wrong with a document, it concerns that document alone. */
  #tryApply(header: DocumentHeader, body: string, compileNow: boolean): string | null {
    try {
      if (header.kind === 'plan') return this.#applyPlan(header, body);
      if (header.kind === 'upstream') return this.#applyUpstream(header, body);
      if (header.kind === 'rollout') return this.#takeCandidate({ header, body }, compileNow);
      return this.#takeTenant({ header, body }, compileNow);
    } catch (error) {
      return describeFault(error);
    }
  }

  /** The document is deleted. */
  remove(key: string): void {
    const separator = key.indexOf('.');
    const [kind, id] = [key.slice(0, separator), key.slice(separator + 1)];
    if (kind === 'plan') this.#removePlan(id);
    else if (kind === 'upstream') this.#removeUpstream(id);
    else if (kind === 'rollout') this.#dropCandidate(id);
    else this.#removeTenant(id);
  }

  #removePlan(id: string): void {
    this.#plans.delete(id);
    this.sharedLimits.delete(id);
  }

  #removeTenant(id: string): void {
    this.#bases.delete(id);
    const entry = this.#tenants.get(id);
    if (entry === undefined) return;
    this.#tenants.delete(id);
    entry.close();
    this.#contested.delete(entry);
    this.#index.remove(entry, identityOf(entry.header));
    this.#deps.upstreams.remove(id);
    this.#deps.issuerKeys.remove(id);
    this.#deps.metrics.releaseTenant(id);
    this.#settleContested();
  }

  #takeTenant(document: HeldDocument, compileNow: boolean): string | null {
    const { header, body } = document;
    const candidate = this.#candidates.get(header.id);
    const isOlder = candidate !== undefined && candidate.header.revision > header.revision;
    if (isOlder && this.#bases.has(header.id)) {
      this.#bases.set(header.id, document);
      return null;
    }
    const fault = this.#applyTenant(header, body, compileNow);
    if (fault !== null) return fault;
    this.#bases.delete(header.id);
    if (isOlder) this.#takeCandidate(candidate, false); // it has come first: a start
    return null;
  }

  #takeCandidate(document: HeldDocument, compileNow: boolean): string | null {
    const { header, body } = document;
    if (!isForRing(header, this.#deps.ring)) {
      this.#dropCandidate(header.id);
      return null;
    }
    const entry = this.#tenants.get(header.id);
    if (entry !== undefined) {
      const base = this.#bases.get(header.id) ?? { header: entry.header, body: entry.body };
      if (base.header.revision < header.revision) {
        const fault = this.#applyTenant(header, body, compileNow);
        if (fault !== null) return fault;
        this.#bases.set(header.id, base);
      }
    }
    this.#candidates.set(header.id, document);
    return null;
  }

  /** The tenant's own document serves again. It is not compiled first: nothing may keep the candidate in force. */
  #dropCandidate(id: string): void {
    this.#candidates.delete(id);
    const entry = this.#tenants.get(id);
    if (entry?.rejected?.header.kind === 'rollout') entry.rejected = null;
    const base = this.#bases.get(id);
    if (base === undefined) return;
    this.#bases.delete(id);
    this.#applyTenant(base.header, base.body, false);
  }

  #applyTenant(header: DocumentHeader, body: string, compileNow: boolean): string | null {
    const known = this.#tenants.get(header.id);
    const entry = known ?? new TenantEntry(header.id, header, body, this.#entryDeps);
    const previous = known === undefined ? null : identityOf(known.header);
    if (compileNow) {
      const fault = entry.replace(header, body, known !== undefined);
      entry.rejected = fault === null ? null : { header, body };
      if (fault !== null) {
        if (known === undefined) this.#quarantine(entry);
        return fault;
      }
    } else {
      entry.replaceLazily(header, body);
      entry.rejected = null;
    }
    this.#tenants.set(header.id, entry);
    this.#reindex(entry, previous);
    return null;
  }

  /** A new tenant that does not compile answers 503 instead of 404, and a plan that comes late can mend it. */
  #quarantine(entry: TenantEntry): void {
    this.#tenants.set(entry.id, entry);
    this.#claim(entry);
  }

  #applyPlan(header: DocumentHeader, body: string): string | null {
    let document: PlanDocument;
    try {
      document = PlanDocument.parse(JSON.parse(body));
      this.sharedLimits.set(document.plan);
    } catch (error) {
      return describeFault(error);
    }
    this.#plans.set(header.id, { revision: header.revision, document });
    for (const entry of this.#tenants.values()) {
      entry.onPlanChanged(header.id);
      if (entry.rejected !== null) this.#retry(entry.rejected);
    }
    return null;
  }

  #applyUpstream(header: DocumentHeader, body: string): string | null {
    const { upstream } = UpstreamDocument.parse(JSON.parse(body));
    if (upstream.id !== header.id) return 'the document names another upstream';
    this.#deps.upstreams.setShared(upstream);
    for (const entry of this.#tenants.values()) {
      entry.onSharedUpstreamChanged(upstream.id);
      if (entry.rejected !== null) this.#retry(entry.rejected);
    }
    return null;
  }

  #removeUpstream(id: string): void {
    this.#deps.upstreams.removeShared(id);
    for (const entry of this.#tenants.values()) entry.onSharedUpstreamChanged(id);
  }

  /** A rejected revision may fit now. */
  #retry({ header, body }: HeldDocument): void {
    if (this.#tryApply(header, body, true) !== null) return;
    this.#deps.onOutcome(outcomeOf(documentKey(header.kind, header.id), header, null));
  }

  #reindex(entry: TenantEntry, previous: TenantIdentity | null): void {
    if (previous !== null) this.#index.remove(entry, previous);
    this.#claim(entry);
    this.#settleContested();
  }

  #claim(entry: TenantEntry): void {
    const conflicts = this.#index.add(entry, identityOf(entry.header));
    if (conflicts.length === 0) this.#contested.delete(entry);
    else this.#contested.add(entry);
    for (const conflict of conflicts) {
      this.#deps.onConflict(entry.id, conflict.pattern, conflict.holder.id);
    }
  }

  /** Patterns may have become free: a host moves from one tenant to another in two documents, in any order. */
  #settleContested(): void {
    for (const entry of this.#contested) {
      if (this.#index.add(entry, identityOf(entry.header)).length === 0) {
        this.#contested.delete(entry);
      }
    }
  }
}

function identityOf(header: DocumentHeader): TenantIdentity {
  return header.identity ?? { hosts: [], pathPrefixes: [], headerValues: [] };
}

function outcomeOf(key: string, header: DocumentHeader, fault: string | null): DocumentOutcome {
  const { revision } = header;
  if (fault === null) return { key, revision, outcome: 'applied', reason: '' };
  return { key, revision, outcome: 'rejected', reason: fault };
}
