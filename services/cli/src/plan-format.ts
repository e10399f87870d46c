import { formatFieldChanges } from './diff-format.ts';
import type { Change } from './replies.ts';
import { printable } from './table.ts';
import type { Colors } from './terminal.ts';

const KIND_NAMES = {
  plan: 'plan',
  sharedUpstream: 'shared upstream',
  tenant: 'tenant',
  upstream: 'upstream',
  jwtIssuer: 'JWT issuer',
  route: 'route',
  apiKey: 'API key',
  certificate: 'certificate',
} as const;

const SIGNS = { create: '+', update: '~', delete: '-' } as const;

/** How many changes of each kind a plan holds. */
export interface ChangeCounts {
  readonly create: number;
  readonly update: number;
  readonly delete: number;
  readonly unchanged: number;
}

/** Counts the changes by action. */
export function countChanges(changes: readonly Change[]): ChangeCounts {
  const counts = { create: 0, update: 0, delete: 0, unchanged: 0 };
  for (const change of changes) counts[change.action] += 1;
  return counts;
}

/**
 * Prints a plan: one line per change (`+` creates, `~` updates, `-` deletes), those of a tenant
 * below it; what stays as it is only counts.
 *
 * @param options `values`: below an update, each field before and after, if the server told them.
 */
export function formatPlan(
  changes: readonly Change[],
  colors: Colors,
  options: { readonly values?: boolean } = {},
): string {
  const paint = { create: colors.green, update: colors.yellow, delete: colors.red };
  const lines: string[] = [];
  let tenantShown: string | undefined;
  for (const change of sortByOwner(changes)) {
    const owner = ownerOf(change);
    if (change.kind !== 'tenant' && owner !== undefined && owner !== tenantShown) {
      lines.push(`  tenant ${printable(owner)}`);
    }
    tenantShown = owner;
    const indent = owner === undefined || change.kind === 'tenant' ? '' : '  ';
    const diff = options.values === true ? (change.diff ?? []) : [];
    const fields =
      diff.length === 0 && change.action === 'update' ? `  ${change.fields.join(', ')}` : '';
    const text = `${indent}${SIGNS[change.action]} ${KIND_NAMES[change.kind]} ${change.id}${fields}`;
    lines.push(paint[change.action](printable(text.trimEnd())));
    if (diff.length > 0) lines.push(formatFieldChanges(diff, colors, `${indent}    `));
  }
  return lines.join('\n');
}

/** `3 to create, 1 to update, 0 to delete, 12 unchanged`. */
export function formatCounts(counts: ChangeCounts): string {
  return (
    `${counts.create} to create, ${counts.update} to update, ${counts.delete} to delete, ` +
    `${counts.unchanged} unchanged`
  );
}

const KIND_ORDER = [
  ...(['plan', 'sharedUpstream', 'tenant'] as const),
  ...(['upstream', 'jwtIssuer', 'route', 'apiKey', 'certificate'] as const),
] as const;

type RealChange = Change & { readonly action: keyof typeof SIGNS };

/** Plans and shared upstreams first, then tenant by tenant; what is unchanged is left out. */
function sortByOwner(changes: readonly Change[]): RealChange[] {
  const key = (change: Change) =>
    [ownerOf(change) ?? '', KIND_ORDER.indexOf(change.kind), change.id] as const;
  return changes
    .filter((change): change is RealChange => change.action !== 'unchanged')
    .sort((a, b) => {
      const [ownerA, kindA, idA] = key(a);
      const [ownerB, kindB, idB] = key(b);
      if (ownerA !== ownerB) return ownerA < ownerB ? -1 : 1;
      return kindA - kindB || (idA < idB ? -1 : 1);
    });
}

function ownerOf(change: Change): string | undefined {
  return change.kind === 'tenant' ? change.id : change.tenantId;
}
