import { addedLatencies } from '../../side-by-side/added-latencies.ts';
import { measureRequests } from '../../side-by-side/measure-requests.ts';
import { summarise, type Measured, type Round } from '../../side-by-side/row.ts';
import { headgate, headgateLimitsOff, headgateNoLeases } from '../candidates/headgate.ts';
import { roundTripP50Ms, scriptCallP50Ms } from '../round-trip.ts';
import type { LimitsContext, LimitsPart } from './limits-part.ts';

/** One request at a time: what the limiter adds to its latency, beside a bare round trip to the same Redis. */
export const oneConnection: LimitsPart = {
  name: 'one-connection',
  mainFigure: 'addedP50Ms',
  baselines: [],
  candidates: [headgate, headgateNoLeases, headgateLimitsOff],
  quick: [headgate.name, headgateNoLeases.name, headgateLimitsOff.name],
  run,
};

async function run(context: LimitsContext) {
  const schedule = context.schedules.oneConnection;
  const measured = await measureRequests(context, { connections: 1, schedule });
  const added = addedLatencies(measured, headgateLimitsOff.name);
  return summarise(oneConnection, await withRoundTrips(added, context));
}

/** Notes the round trips to the Redis of `headgate`: a bare one with its own rounds, one of a script call where each request makes one. */
async function withRoundTrips(
  measured: readonly Measured[],
  { shared }: LimitsContext,
): Promise<readonly Measured[]> {
  const [entrant] = await shared.get([headgate]);
  const port = entrant?.running.redis?.port;
  if (port === undefined) return measured;
  const bare = { redisRoundTripP50Ms: await roundTripP50Ms(port) };
  const script = { redisScriptCallP50Ms: await scriptCallP50Ms(port) };
  const notes: ReadonlyMap<string, Partial<Round>> = new Map([
    [headgate.name, bare],
    [headgateNoLeases.name, { ...bare, ...script }],
  ]);
  return measured.map((candidate) => ({
    ...candidate,
    rounds: candidate.rounds.map((round) => ({ ...round, ...notes.get(candidate.name) })),
  }));
}
