import type { Bundle } from '@headgate/model';
import { inScope, type TenantScope } from '../access/session.ts';
import { bundleEdits } from '../apply/bundle-edits.ts';
import { isNamed } from '../apply/is-named.ts';
import { readCertificates } from '../certificates/prepare-certificate.ts';
import type { Change } from '../store/change.ts';
import type { Declaration } from '../store/declaration.ts';
import type { Outcome } from '../store/outcome.ts';
import { accept } from '../store/outcome.ts';
import type { SessionStore } from '../store/session-store.ts';

/** 10,000 tenants take a second or two. */
const DEADLINE_MS = 110_000;

/** How the configuration differs from what was declared. */
export interface Drift {
  /** Newest revision when it was compared. */
  readonly revision: number;
  /** What would bring it back; empty if it does not differ. */
  readonly changes: readonly Change[];
}

/** Compares what a session may see of the configuration with what was declared. */
export async function findDrift(
  store: Pick<SessionStore, 'compare'>,
  scope: TenantScope,
  { bundle, revision: asOf }: Pick<Declaration, 'bundle' | 'revision'>,
): Promise<Outcome<Drift>> {
  const visible = bundleWithin(scope, bundle);
  const certificates = await readCertificates(visible);
  if (!certificates.ok) return certificates;
  const edits = bundleEdits(visible, certificates.value);
  const compared = await store.compare(edits, DEADLINE_MS, asOf);
  if (!compared.ok) return compared;
  const { revision, changes } = compared.value;
  const isDrift = (change: Change) => change.action !== 'unchanged' && isNamed(visible, change);
  return accept({ revision, changes: changes.filter(isDrift) });
}

/** Plans and shared upstreams are the platform's. */
function bundleWithin(scope: TenantScope, bundle: Bundle): Bundle {
  if (scope === 'all') return bundle;
  const tenants = Object.entries(bundle.tenants).filter(([id]) => inScope(scope, id));
  return { ...bundle, plans: {}, upstreams: {}, tenants: Object.fromEntries(tenants) };
}

/** How many resources are missing, differ, or are there although they were not declared. */
export interface DriftCounts {
  readonly missing: number;
  readonly different: number;
  readonly notDeclared: number;
}

/** Counts by what is wrong. */
export function countDrift(changes: readonly Change[]): DriftCounts {
  const count = (action: Change['action']) =>
    changes.filter((change) => change.action === action).length;
  return {
    missing: count('create'),
    different: count('update'),
    notDeclared: count('delete'),
  };
}
