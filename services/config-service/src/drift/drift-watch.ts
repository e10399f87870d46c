import type { Clock } from '@headgate/runtime';
import type { Session } from '../access/session.ts';
import type { Lease } from '../publish/lease.ts';
import { lookWhileLeading } from '../publish/look-while-leading.ts';
import type { Store } from '../store/store.ts';
import { findDrift, type Drift } from './find-drift.ts';

/** What the watch works with. */
export interface DriftWatchDeps {
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly store: Pick<Store, 'as' | 'changeMark' | 'declaration'>;
  /** The replica that publishes compares. */
  readonly lease: Pick<Lease, 'held'>;
  readonly observer: DriftObserver;
}

/** Hears of each begin and end once, over all replicas and their restarts. */
export interface DriftObserver {
  onBegin(drift: Drift): void;
  onEnd(revision: number): void;
  /** It could not be compared; it is tried again. */
  onFailure(error: unknown): void;
}

/** Options of {@link startDriftWatch}. */
export interface DriftWatchOptions {
  /** From one look to the next; default ten seconds. */
  readonly lookMs?: number;
}

const LOOK_MS = 10_000;

const SESSION: Session = {
  author: { actor: 'drift', source: '', requestId: '', operation: 'driftWatch' },
  access: { role: 'platform_admin', tenants: 'all' },
  scope: 'all',
};

/**
 * Compares the configuration with what was declared whenever one of them has changed, at most every ten seconds. Since
 * when it drifts is kept in the database, so that another replica tells nothing again.
 *
 * @returns to be closed by the caller; it ends after the comparison that is under way.
 */
export function startDriftWatch(
  deps: DriftWatchDeps,
  { lookMs = LOOK_MS }: DriftWatchOptions = {},
): { close(): Promise<void> } {
  let seen = '';
  return lookWhileLeading(deps.lease, lookMs, async () => {
    seen = await look(deps, seen).catch((error: unknown) => {
      deps.observer.onFailure(error);
      return '';
    });
  });
}

/** Compares unless nothing has changed since `seen`; answers what is seen now. */
async function look({ clock, store, observer }: DriftWatchDeps, seen: string): Promise<string> {
  const state = await store.declaration.state();
  if (state === null) return '';
  // Read before the comparison: what is written meanwhile is looked at the next time.
  const present = `${await store.changeMark()} ${state.revision}`;
  if (present === seen) return seen;
  const declared = await store.declaration.get();
  if (declared === null) return '';
  const found = await findDrift(store.as(SESSION), 'all', declared);
  if (!found.ok) throw new Error(`the comparison was refused: ${found.refusal.reason}`);
  const drift = found.value;
  const since = drift.changes.length === 0 ? null : new Date(clock.nowMs());
  const isNew = await store.declaration.markDrift(declared.revision, since);
  if (isNew && since === null) observer.onEnd(drift.revision);
  else if (isNew) observer.onBegin(drift);
  return present;
}
