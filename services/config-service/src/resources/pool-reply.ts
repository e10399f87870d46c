import { z } from 'zod';
import type { LimitState, LimitWatch } from '../limits/limit-watch.ts';
import type { PoolPlace, PoolPlaces } from '../limits/pool-places.ts';
import {
  configuredKey,
  idleReply,
  LimitReply,
  poolLimit,
  replyOf,
  toldKey,
} from './limit-reply.ts';

const part = (of: string) => z.number().min(0).max(1).describe(`These as a part of ${of}.`);

const BlastRadiusReply = z
  .object({
    tenants: z.int().describe('Other tenants that one that drains the place stops.'),
    ofPool: part('the other tenants of the pool'),
    ofAll: part('all other tenants of the cluster'),
  })
  .describe('Whom a tenant hurts that uses up what the place allows.');

/** A pool, who shares its places, and how full they are. */
export const PoolReply = z.object({
  planId: z.string(),
  entities: z.int().describe('Places that the tenants are spread over by a hash of their ids.'),
  tenants: z.int().describe('Tenants that share the pool; suspended ones do not count.'),
  blastRadius: BlastRadiusReply.describe('That of the place with the most tenants.'),
  places: z
    .array(
      z.object({
        entity: z.int(),
        tenants: z.int().describe('Tenants that share the allowance of this place.'),
        blastRadius: BlastRadiusReply,
        limits: z.array(LimitReply),
      }),
    )
    .describe('Those that refuse most come first, then those with the most tenants.'),
});
export type PoolReply = z.infer<typeof PoolReply>;

/** What edges told of pools, by place and {@link toldKey}; of what is told twice the newer. */
export type ToldByPlace = ReadonlyMap<string, ReadonlyMap<string, LimitState>>;

/** What edges told of all pools. At most what the watch remembers. */
export function toldByPlace(watch: Pick<LimitWatch, 'ofPools'>): ToldByPlace {
  const told = new Map<string, Map<string, LimitState>>();
  for (const state of watch.ofPools().sort((a, b) => b.ageMs - a.ageMs)) {
    const place = placeKey(state.usage);
    const ofPlace = told.get(place) ?? new Map<string, LimitState>();
    told.set(place, ofPlace.set(toldKey(state.usage), state));
  }
  return told;
}

function placeKey({ level, scope }: { readonly level: string; readonly scope: string }): string {
  return `${level} ${scope}`;
}

type PlaceReply = PoolReply['places'][number];

/** What a pool is shown with. */
export interface PoolScene {
  /** Of all plans. */
  readonly tenants: number;
  /** Most to show. */
  readonly places: number;
  readonly told: ToldByPlace;
}

/** Ranks the places by their numbers, and makes replies only of those that are shown. */
export function poolReply(pool: PoolPlaces, { tenants, places, told }: PoolScene): PoolReply {
  const ranked = pool
    .list(tenants)
    .map((place) => ({ place, denied: deniedAt(pool, place, told) }))
    .sort(byDanger);
  const widest = ranked.reduce<PoolPlace | null>(
    (most, { place }) => (most === null || place.tenants > most.tenants ? place : most),
    null,
  );
  return {
    ...{ planId: pool.planId, entities: pool.pool.entities, tenants: pool.tenants },
    blastRadius: widest?.blastRadius ?? { tenants: 0, ofPool: 0, ofAll: 0 },
    places: ranked.slice(0, places).map(({ place }) => placeReply(pool, place, told)),
  };
}

/** Requests per second that the place refuses. */
function deniedAt({ pool }: PoolPlaces, place: PoolPlace, told: ToldByPlace): number {
  const ofPlace = told.get(placeKey(place));
  if (ofPlace === undefined) return 0;
  return pool.limits.reduce((sum, limit) => {
    const state = ofPlace.get(configuredKey(poolLimit(place, limit)));
    return sum + (state?.deniedPerSecond ?? 0);
  }, 0);
}

function placeReply({ pool }: PoolPlaces, place: PoolPlace, told: ToldByPlace): PlaceReply {
  const { entity, level, scope, tenants, blastRadius } = place;
  const ofPlace = told.get(placeKey(place));
  const limits = pool.limits.map((limit) => {
    const placed = poolLimit({ level, scope }, limit);
    const state = ofPlace?.get(configuredKey(placed));
    return state === undefined ? idleReply(placed) : replyOf(state);
  });
  return { entity, tenants, blastRadius, limits };
}

interface RankedPlace {
  readonly place: PoolPlace;
  readonly denied: number;
}

function byDanger(a: RankedPlace, b: RankedPlace): number {
  return (
    b.denied - a.denied || b.place.tenants - a.place.tenants || a.place.entity - b.place.entity
  );
}
