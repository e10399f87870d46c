import { startCluster, type Cluster } from '../cluster/cluster.ts';
import { nameChangeOf } from '../cluster/name-change.ts';
import { readPages } from '../cluster/read-pages.ts';
import { UNBOUNDED_RATES } from '../cluster/unbounded-rates.ts';
import type { Say, ScenarioResult } from './scenario.ts';

/** Options; the full run is 1,000 races of 8 clients. */
export interface ConfigRacesOptions {
  /** Each is for one revision of the same tenant. */
  readonly races: number;
  /** Writers in each race, spread over both config-services. */
  readonly clients: number;
}

const PATH = '/v1/tenants/raced';

/** What was answered in all races. */
interface Tally {
  /** Races with exactly one winner. */
  decided: number;
  won: number;
  stale: number;
  /** Anything but 200 and 412. */
  readonly odd: Map<number, number>;
}

/**
 * Clients read one revision of a tenant and all write the next one with If-Match, through two config-services on one
 * PostgreSQL. Each writes the count of updates that it has read plus one, so a lost update shows in the count.
 */
export async function configRaces(options: ConfigRacesOptions, say: Say): Promise<ScenarioResult> {
  const { races, clients } = options;
  const cluster = await startCluster({
    edges: 0,
    healthService: false,
    database: 'postgres',
    configReplicas: 1,
    configEnv: UNBOUNDED_RATES,
  });
  try {
    await cluster.api.put('/v1/plans/standard', {});
    await cluster.api.put(PATH, { planId: 'standard', name: '0' });
    say(`${races} races of ${clients} clients on 2 config-services`);
    const tally: Tally = { decided: 0, won: 0, stale: 0, odd: new Map() };
    for (let race = 0; race < races; race += 1) await runRace(cluster, clients, tally);
    const { body } = await cluster.api.send('GET', PATH);
    const updates = await auditedUpdates(cluster);
    const broken = updates.filter(({ before, after }) => after !== before + 1).length;
    const odd = JSON.stringify(Object.fromEntries(tally.odd));
    return {
      name: 'config-races',
      checks: [
        {
          rule: `${races * clients} PUTs in ${races} races: one winner each, 412 for all others`,
          figure: `${tally.decided} with one winner; ${tally.won} × 200, ${tally.stale} × 412, others ${odd}`,
          passed: tally.decided === races && tally.stale === races * (clients - 1),
        },
        {
          rule: `${races * clients} PUTs in ${races} races: 0 lost updates`,
          figure: `counted ${String(body['name'])}, won ${tally.won}, audited ${updates.length}, ${broken} not on top of the one before`,
          passed:
            Number(body['name']) === tally.won && updates.length === tally.won && broken === 0,
        },
      ],
    };
  } finally {
    await cluster.stop();
  }
}

async function runRace(cluster: Cluster, clients: number, tally: Tally): Promise<void> {
  const apis = [cluster.api, ...cluster.replicas.map(({ api }) => api)];
  const { body } = await cluster.api.send('GET', PATH);
  const headers = { 'if-match': `"${String(body['revision'])}"` };
  const tenant = { planId: 'standard', name: String(Number(body['name']) + 1) };
  const replies = await Promise.all(
    Array.from({ length: clients }, (_, client) => {
      const api = apis[client % apis.length] ?? cluster.api;
      // Labels tell the writers apart: without them a second write would change nothing and be none.
      return api.send('PUT', PATH, { ...tenant, labels: { writer: `w${client}` } }, headers);
    }),
  );
  const winners = replies.filter(({ status }) => status === 200).length;
  tally.decided += winners === 1 ? 1 : 0;
  tally.won += winners;
  for (const { status } of replies) {
    if (status === 412) tally.stale += 1;
    else if (status !== 200) tally.odd.set(status, (tally.odd.get(status) ?? 0) + 1);
  }
}

/** The count before and after each update, as the database has them. */
async function auditedUpdates({ api }: Cluster) {
  const rows = await readPages(api, '/v1/audit?tenant=raced&action=update&limit=200');
  return rows.map((row) => {
    const name = nameChangeOf(row);
    return { before: Number(name?.before), after: Number(name?.after) };
  });
}
