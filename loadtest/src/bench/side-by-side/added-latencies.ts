import type { Measured } from './row.ts';

/** What each round adds to the latency of the candidate `baseline` in the same round. */
export function addedLatencies(
  measured: readonly Measured[],
  baseline: string,
): readonly Measured[] {
  const base = measured.find(({ name }) => name === baseline)?.rounds ?? [];
  return measured.map((candidate) => ({
    ...candidate,
    rounds: candidate.rounds.map((round, index) => ({
      ...round,
      addedP50Ms: (round.p50Ms ?? 0) - (base[index]?.p50Ms ?? 0),
      addedP99Ms: (round.p99Ms ?? 0) - (base[index]?.p99Ms ?? 0),
    })),
  }));
}
