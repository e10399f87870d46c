import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from '@headgate/runtime';
import { createSeededRandom, waitFor } from '@headgate/testkit';
import { startCluster, type Cluster, type ClusterOptions } from '../cluster/cluster.ts';
import { nameChangeOf } from '../cluster/name-change.ts';
import { readPages } from '../cluster/read-pages.ts';
import { readTenants, type TenantReader } from '../cluster/tenant-reader.ts';
import { UNBOUNDED_RATES } from '../cluster/unbounded-rates.ts';
import { timed, type Check, type Say, type ScenarioResult } from './scenario.ts';
import { WriteLedger, type LedgerFaults, type NamedRevision } from './write-ledger.ts';

/** Options; the full run is 100 kills on PostgreSQL. */
export interface ConfigKillsOptions {
  readonly kills: number;
  readonly database: NonNullable<ClusterOptions['database']>;
  /** Equal seeds kill at equal times after the start of the writes. */
  readonly seed: number;
}

/** A kill comes at a random time up to so long after the writers have started: some hit the first write, or none. */
const KILL_WITHIN_MS = 500;
const SETTLED_WITHIN_MS = 30_000;
/** Each is written by a client of its own, one write after the other. */
const SINGLES = ['single-a', 'single-b'];
/** Always written together, in one bundle. */
const PAIR = ['pair-a', 'pair-b'];
const TENANTS = [...SINGLES, ...PAIR];

/**
 * kill -9 of the config-service while four tenants are written, again and again. What was answered is there and gets
 * published, what was published is there, bundles are whole, and history and audit tell the same.
 */
export async function configKills(options: ConfigKillsOptions, say: Say): Promise<ScenarioResult> {
  const { kills, database, seed } = options;
  say(`${kills} kills on ${database}, seed ${seed}`);
  const cluster = await startCluster({
    edges: 0,
    healthService: false,
    database,
    configEnv: UNBOUNDED_RATES,
  });
  const ledgers = new Map(TENANTS.map((id) => [id, new WriteLedger()]));
  const reader = readTenants(cluster.nats.url, ({ tenantId, revision, name }) => {
    ledgers.get(tenantId)?.publish({ revision, name });
  });
  try {
    await cluster.api.put('/v1/plans/standard', {});
    const run = new KillsRun(cluster, reader, ledgers, createSeededRandom(seed));
    for (let kill = 1; kill <= kills; kill += 1) {
      await run.killOnce();
      if (kill % 10 === 0) say(`${kill} kills, ${run.acknowledged} writes acknowledged`);
    }
    return { name: 'config-kills', checks: await run.check(kills) };
  } finally {
    await reader.close();
    await cluster.stop();
  }
}

class KillsRun {
  readonly #cluster: Cluster;
  readonly #reader: TenantReader;
  readonly #ledgers: ReadonlyMap<string, WriteLedger>;
  readonly #random: Random;
  /** Answers of a living service that are not 2xx, and what was not published in time. */
  readonly #faults: string[] = [];
  readonly #settledMs: number[] = [];
  #halves = 0;
  /** Writes that died with the service: made or not, nobody was told. */
  #untold = 0;
  #name = 0;

  constructor(
    cluster: Cluster,
    reader: TenantReader,
    ledgers: ReadonlyMap<string, WriteLedger>,
    random: Random,
  ) {
    this.#cluster = cluster;
    this.#reader = reader;
    this.#ledgers = ledgers;
    this.#random = random;
  }

  get acknowledged(): number {
    return [...this.#ledgers.values()].reduce((sum, ledger) => sum + ledger.acknowledged, 0);
  }

  /** Writes, a kill in the middle of them, and a new start that has to bring everything into order. */
  async killOnce(): Promise<void> {
    const { configService } = this.#cluster;
    const writers = [...SINGLES.map((id) => [id]), PAIR].map((ids) => this.#writeUntilDeath(ids));
    await sleep(this.#random.next() * KILL_WITHIN_MS);
    await configService.kill();
    await Promise.all(writers);
    await configService.start();
    const [settled, tookMs] = await timed(() => this.#settle());
    if (settled) this.#settledMs.push(tookMs);
    const [first, second] = await Promise.all(PAIR.map((id) => this.#stored(id)));
    if (first?.name !== second?.name) this.#halves += 1;
  }

  async check(kills: number): Promise<readonly Check[]> {
    const faults = await Promise.all(TENANTS.map((id) => this.#judge(id)));
    const all = (kind: keyof LedgerFaults): readonly string[] => faults.flatMap((of) => of[kind]);
    const acknowledged = this.acknowledged;
    const slowest = Math.max(...this.#settledMs);
    const none = (rule: string, found: readonly string[], ...figures: string[]): Check => ({
      rule: `${kills} × kill -9 during writes: ${rule}`,
      figure: [found.length, ...figures, ...found.slice(0, 3)].join('; '),
      passed: found.length === 0,
    });
    return [
      {
        ...none('0 acknowledged writes lost', all('lost'), `of ${acknowledged} writes`),
        passed: all('lost').length === 0 && acknowledged > 0,
      },
      none('0 phantom revisions on the bus or in the database', all('phantoms')),
      none('history and audit agree', all('disagreements')),
      none(
        'every answer is a success, and everything is published after the start',
        this.#faults,
        `at most ${slowest.toFixed(0)} ms after it; ${this.#untold} writes had no answer`,
      ),
      {
        rule: `${kills} × kill -9 during writes: a bundle of two tenants is made whole or not at all`,
        figure: `${this.#halves} halves`,
        passed: this.#halves === 0,
      },
    ];
  }

  async #writeUntilDeath(ids: readonly string[]): Promise<void> {
    for (;;) {
      this.#name += 1;
      const name = String(this.#name);
      for (const id of ids) this.#ledgers.get(id)?.attempt(name);
      const status = await this.#write(ids, name);
      if (status === null) {
        this.#untold += 1;
        return;
      }
      if (status >= 300) this.#faults.push(`write ${name} of ${ids.join()} answered ${status}`);
      else for (const id of ids) this.#ledgers.get(id)?.acknowledge(name);
    }
  }

  /** The status; null if the service died before its answer. */
  async #write(ids: readonly string[], name: string): Promise<number | null> {
    const { api } = this.#cluster;
    const tenant = { planId: 'standard', name };
    const [first = ''] = ids;
    try {
      const { status } =
        ids.length === 1
          ? await api.send('PUT', `/v1/tenants/${first}`, tenant)
          : await api.send('POST', '/v1/apply', {
              apiVersion: 'headgate/v1',
              tenants: Object.fromEntries(ids.map((id) => [id, tenant])),
            });
      return status;
    } catch {
      return null;
    }
  }

  /** Waits until the bus holds what is stored. Returns false, and notes it, if it does not in time. */
  async #settle(): Promise<boolean> {
    for (const id of TENANTS) {
      const stored = await this.#stored(id);
      const isPublished = (): boolean => {
        const held = this.#reader.held(id);
        return held?.revision === stored?.revision && held?.name === stored?.name;
      };
      try {
        await waitFor(isPublished, { message: id, deadlineMs: SETTLED_WITHIN_MS, intervalMs: 2 });
      } catch {
        this.#faults.push(
          `${id} at ${stored?.revision} was not published in ${SETTLED_WITHIN_MS} ms`,
        );
        return false;
      }
    }
    return true;
  }

  /** A tenant in the database; null if it is not there yet. */
  async #stored(id: string): Promise<NamedRevision | null> {
    const { status, body } = await this.#cluster.api.send('GET', `/v1/tenants/${id}`);
    if (status === 404) return null;
    return { revision: Number(body['revision']), name: String(body['name']) };
  }

  async #judge(id: string): Promise<LedgerFaults> {
    const { api } = this.#cluster;
    const audit = await readPages(api, `/v1/audit?tenant=${id}&limit=200`);
    const history = await readPages(api, `/v1/tenants/${id}/history?limit=100`);
    const named = audit.map((row) => ({
      revision: Number(row['revision']),
      name: String(nameChangeOf(row)?.after),
    }));
    const ledger = this.#ledgers.get(id) ?? new WriteLedger();
    return ledger.judge(named.reverse(), history.map(({ revision }) => Number(revision)).reverse());
  }
}
