import { setTimeout as sleep } from 'node:timers/promises';
import type { ClusterEdge } from '../../cluster/cluster.ts';
import type { FaultRig } from './fault-rig.ts';

const LOOK_MS = 25;
/** Named in a figure. */
const SHOWN_MAX = 3;

/** What a watch found, and what the work returned meanwhile. */
export interface Watched<Value> {
  readonly value: Value;
  readonly regressions: number;
  /** For people. */
  readonly told: string;
}

/** Looks again and again, while something is done, at what edges hold, and counts documents that went back or got lost. */
export async function watchRevisions<Value>(
  rig: FaultRig,
  work: () => Promise<Value>,
): Promise<Watched<Value>> {
  const watch = new RevisionWatch(rig);
  try {
    const value = await work();
    const found = await watch.stop();
    const shown = found.slice(0, SHOWN_MAX).map((one) => ` ${one}`);
    const told = `${found.length} documents went back or were lost${shown.join()}`;
    return { value, regressions: found.length, told };
  } finally {
    watch.end();
  }
}

class RevisionWatch {
  readonly #regressions: string[] = [];
  readonly #rig: FaultRig;
  readonly #seen = new Map<ClusterEdge, Map<string, number>>();
  #ended = false;
  readonly #running: Promise<unknown>;

  constructor(rig: FaultRig) {
    this.#rig = rig;
    this.#running = Promise.all(rig.cluster.edges.map((edge) => this.#follow(edge)));
  }

  end(): void {
    this.#ended = true;
  }

  /** Looks once more, and stops. */
  async stop(): Promise<readonly string[]> {
    this.end();
    await this.#running;
    for (const edge of this.#rig.cluster.edges) await this.#look(edge);
    return this.#regressions;
  }

  async #follow(edge: ClusterEdge): Promise<void> {
    while (!this.#ended) {
      await this.#look(edge).catch(() => undefined); // an edge that is down or stands still
      await sleep(LOOK_MS);
    }
  }

  async #look(edge: ClusterEdge): Promise<void> {
    const { documents } = await this.#rig.config(edge);
    const held = new Map(documents.map(({ key, revision }) => [key, revision]));
    for (const [key, before] of this.#seen.get(edge) ?? []) {
      const now = held.get(key);
      if (now !== undefined && now >= before) continue;
      this.#regressions.push(`${edge.component.name}: ${key} ${before} → ${now ?? 'gone'}`);
    }
    this.#seen.set(edge, held);
  }
}
