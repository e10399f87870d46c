import type { Candidate, RunningCandidate } from './candidate.ts';
import { warmUp, type Loaded } from './measure-with-wrk.ts';
import type { Workbench } from './workbench.ts';

/** A candidate that runs, with the hosts that its requests name. */
export interface Entrant extends Loaded {
  readonly name: string;
  readonly description: string;
}

/** Candidates that several parts measure in the same processes; each is started and warmed up at its first use. */
export interface SharedCandidates {
  /** Those of the candidates that work here, in the order given. */
  get(candidates: readonly Candidate[]): Promise<readonly Entrant[]>;
  /** Stops all of them. */
  stop(): Promise<void>;
}

/** Creates the holder; the fleet of `bench` stops what is left over. */
export function shareCandidates(
  bench: Workbench,
  options: { readonly say: (line: string) => void; readonly signal: AbortSignal },
): SharedCandidates {
  const entrants = new Map<string, Entrant | null>();
  return {
    async get(candidates) {
      for (const candidate of candidates) {
        if (entrants.has(candidate.name)) continue;
        options.say(`start and warm up ${candidate.name}`);
        entrants.set(candidate.name, await enter(bench, candidate, options.signal));
      }
      return candidates.flatMap(({ name }) => entrants.get(name) ?? []);
    },
    async stop() {
      for (const entrant of entrants.values()) {
        if (entrant !== null) await bench.fleet.stop(entrant.running);
      }
      entrants.clear();
    },
  };
}

/** Starts a candidate and warms it up; null if it is left out or fails, which the fleet notes. */
export async function enter(
  bench: Workbench,
  candidate: Candidate,
  signal: AbortSignal,
): Promise<Entrant | null> {
  const running = await bench.fleet.start(candidate);
  if (running === null) return null;
  try {
    return await enterRunning(bench, candidate, running, signal);
  } catch (error) {
    bench.fleet.noteFailure(candidate.name, error);
    await bench.fleet.stop(running);
    return null;
  }
}

/**
 * Warms up a process that runs already, with the requests of a candidate.
 *
 * @throws Error if it does not answer enough of them.
 */
export async function enterRunning(
  bench: Workbench,
  candidate: Pick<Candidate, 'name' | 'description' | 'tenants' | 'activeTenants'>,
  running: RunningCandidate,
  signal: AbortSignal,
): Promise<Entrant> {
  const { name, description, tenants, activeTenants } = candidate;
  const hostsFile = await bench.hostsFile(tenants, activeTenants);
  const load = { program: bench.wrk, headers: bench.headers, signal };
  const entrant = { name, description, running, hostsFile };
  await warmUp(entrant, load, bench.warmUpRequests, activeTenants);
  return entrant;
}
