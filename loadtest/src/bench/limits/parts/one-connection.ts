import { addedLatencies } from '../../side-by-side/added-latencies.ts';
import { measureRequests } from '../../side-by-side/measure-requests.ts';
import { summarise, type Measured } from '../../side-by-side/row.ts';
import { headgate, headgateLimitsOff } from '../candidates/headgate.ts';
import { roundTripP50Ms } from '../round-trip.ts';
import type { LimitsContext, LimitsPart } from './limits-part.ts';

/** One request at a time: what the limiter adds to its latency, beside a bare round trip to the same Redis. */
export const oneConnection: LimitsPart = {
  name: 'one-connection',
  mainFigure: 'addedP50Ms',
  baselines: [],
  candidates: [headgate, headgateLimitsOff],
  quick: [headgate.name, headgateLimitsOff.name],
  run,
};

async function run(context: LimitsContext) {
  const schedule = context.schedules.oneConnection;
  const measured = await measureRequests(context, { connections: 1, schedule });
  const added = addedLatencies(measured, headgateLimitsOff.name);
  return summarise(oneConnection, await withRoundTrips(added, context));
}

/** Notes a round trip to the Redis of `headgate` with each of its rounds. */
async function withRoundTrips(
  measured: readonly Measured[],
  { shared }: LimitsContext,
): Promise<readonly Measured[]> {
  const [entrant] = await shared.get([headgate]);
  const port = entrant?.running.redis?.port;
  if (port === undefined) return measured;
  const redisRoundTripP50Ms = await roundTripP50Ms(port);
  return measured.map((candidate) =>
    candidate.name === headgate.name
      ? {
          ...candidate,
          rounds: candidate.rounds.map((round) => ({ ...round, redisRoundTripP50Ms })),
        }
      : candidate,
  );
}
