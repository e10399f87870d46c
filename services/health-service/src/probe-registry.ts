import { createProbeState, type ProbeState } from '@headgate/health';
import type { Clock } from '@headgate/runtime';
import type { ProbeRun, Schedule, ScheduledProbe } from './schedule.ts';
import type { ProbeTarget } from './targets.ts';

/** What the registry needs. */
export interface ProbeRegistryDependencies {
  readonly schedule: Pick<Schedule, 'add'>;
  readonly clock: Clock;
  /** Least time between two flips of an endpoint in ms. */
  readonly flipDistanceMs: number;
  /** After every run, for metrics. */
  readonly onRun: (target: ProbeTarget, run: ProbeRun) => void;
  /** After every change of a verdict, for metrics and logs. */
  readonly onVerdict: (target: ProbeTarget, state: ProbeState) => void;
  /** A probe could not be scheduled: the bound is reached. Its endpoint stays unknown, which counts as healthy. */
  readonly onRefused: (target: ProbeTarget) => void;
}

/** A probe together with everybody who wants its verdict. */
interface SharedProbe {
  readonly state: ProbeState;
  readonly users: Set<() => void>;
  scheduled: ScheduledProbe | null;
}

/** A user's hold on a probe. */
export interface ProbeHold {
  readonly state: ProbeState;
  /** Lets go; the last one to do so ends the probe. Idempotent. */
  release(): void;
}

/** Endpoints by their verdict. */
export type VerdictCounts = Record<ProbeState['verdict'], number>;

/**
 * Probes that are shared: an address that many upstreams name with the same settings is asked once for all of them.
 */
export class ProbeRegistry {
  readonly #dependencies: ProbeRegistryDependencies;
  readonly #probes = new Map<string, SharedProbe>();

  constructor(dependencies: ProbeRegistryDependencies) {
    this.#dependencies = dependencies;
  }

  /** Starts or joins a probe. `onVerdict` is called after each change of its verdict. */
  acquire(target: ProbeTarget, onVerdict: () => void): ProbeHold {
    const probe = this.#probes.get(target.key) ?? this.#create(target);
    // A function of its own per hold, so that the same callback may hold a probe twice.
    const user = () => onVerdict();
    probe.users.add(user);
    return {
      state: probe.state,
      release: () => {
        if (!probe.users.delete(user) || probe.users.size > 0) return;
        probe.scheduled?.remove();
        this.#probes.delete(target.key);
      },
    };
  }

  /** For metrics; O(probes). */
  countVerdicts(): VerdictCounts {
    const counts: VerdictCounts = { unknown: 0, healthy: 0, unhealthy: 0 };
    for (const { state } of this.#probes.values()) counts[state.verdict] += 1;
    return counts;
  }

  #create(target: ProbeTarget): SharedProbe {
    const { schedule, flipDistanceMs, onRefused } = this.#dependencies;
    const { healthyThreshold, unhealthyThreshold } = target.check;
    const probe: SharedProbe = {
      state: createProbeState({ healthyThreshold, unhealthyThreshold, flipDistanceMs }),
      users: new Set(),
      scheduled: null,
    };
    probe.scheduled = schedule.add(target, (run) => this.#finish(target, probe, run));
    if (probe.scheduled === null) onRefused(target);
    this.#probes.set(target.key, probe);
    return probe;
  }

  #finish(target: ProbeTarget, probe: SharedProbe, run: ProbeRun): void {
    const { clock, onRun, onVerdict } = this.#dependencies;
    onRun(target, run);
    if (!probe.state.record(run.result === 'success', run.reason, clock.nowMs())) return;
    onVerdict(target, probe.state);
    for (const user of probe.users) user();
  }
}
