import type { EdgeShare } from '@headgate/limiting';
import { JsonFile } from './json-file.ts';

/** Who is live, as presence on the bus tells. */
export interface LiveEdges {
  live(): readonly { readonly info: { readonly workers: number } }[];
  mostLiveOverLastMinute(): number;
  rankOf(id: string): number | null;
}

const FILE = 'live-edges.json';
const INTERVAL_MS = 1000;
/** After this time with NATS connected, presence alone says how many edges there are. */
const PRESENCE_TRUST_MS = 10_000;

/**
 * This edge's part of every limit while Redis is lost. Limits are shared between the workers of all live edges. Every edge
 * counts with as many workers as the largest has, so that the shares never add up to more than the limit.
 *
 * The number of edges also lies on the disk: an edge that starts while NATS is down must not believe itself alone.
 */
export class LiveShare {
  readonly #file: JsonFile;
  readonly #edgeId: string;
  readonly #workers: number;
  readonly #edges: LiveEdges;
  /** From the disk; holds until presence has been heard for a while. */
  #floor = 1;
  #saved = 0;

  constructor(directory: string, edgeId: string, workers: number, edges: LiveEdges) {
    this.#file = new JsonFile(directory, FILE);
    this.#edgeId = edgeId;
    this.#workers = workers;
    this.#edges = edges;
  }

  /** Reads what an earlier run saw; a missing or damaged file is no fault. */
  async restore(): Promise<void> {
    const saved = await this.#file.read();
    if (typeof saved === 'number' && Number.isInteger(saved) && saved >= 1 && saved <= 10_000) {
      this.#floor = saved;
    }
  }

  /** Follows presence every second: tells the share, and writes down the number of edges. Returns how to stop. */
  keep(
    bus: { readonly connected: boolean },
    hooks: { readonly onShare: () => void; readonly onDiskError: (error: unknown) => void },
  ): () => void {
    let connectedMs = 0;
    const timer = setInterval(() => {
      connectedMs = bus.connected ? connectedMs + INTERVAL_MS : 0;
      if (connectedMs >= PRESENCE_TRUST_MS) this.trustPresence();
      hooks.onShare();
      this.save().catch(hooks.onDiskError);
    }, INTERVAL_MS);
    return () => clearInterval(timer);
  }

  /** Presence is known for long enough: what the disk said no longer counts. */
  trustPresence(): void {
    this.#floor = 1;
  }

  /** Share of the worker with this index. */
  of(workerIndex: number): EdgeShare {
    const edges = this.#liveEdges();
    const workers = this.#workersPerEdge();
    // The last place has the smallest share: edges that know of no place can all take it and add up to no more than the limit.
    const rank = this.#edges.rankOf(this.#edgeId) ?? edges - 1;
    return { liveEdges: edges * workers, rank: rank * workers + workerIndex };
  }

  /** Writes the number of edges down when it has changed. */
  async save(): Promise<void> {
    const live = this.#liveEdges();
    if (live === this.#saved) return;
    this.#saved = live;
    await this.#file.write(live);
  }

  #workersPerEdge(): number {
    let most = this.#workers;
    for (const { info } of this.#edges.live()) most = Math.max(most, info.workers);
    return most;
  }

  #liveEdges(): number {
    return Math.max(1, this.#floor, this.#edges.mostLiveOverLastMinute());
  }
}
