import type { Candidate, RunningCandidate } from './candidates/candidate.ts';
import { warmUp } from './measure-with-wrk.ts';
import type { Workbench } from './workbench.ts';

/** A candidate that runs, with the hosts that its requests name. */
export interface Entrant {
  readonly name: string;
  readonly description: string;
  readonly running: RunningCandidate;
  readonly hostsFile: string;
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
  const { name, description, tenants, activeTenants } = candidate;
  const hostsFile = await bench.hostsFile(tenants, activeTenants);
  const load = { program: bench.wrk, hostsFile, signal };
  try {
    await warmUp(running, load, bench.warmUpRequests, activeTenants);
    return { name, description, running, hostsFile };
  } catch (error) {
    bench.fleet.noteFailure(name, error);
    await bench.fleet.stop(running);
    return null;
  }
}
