import { setTimeout as sleep } from 'node:timers/promises';
import { ShutdownStack, type Clock, type Random } from '@headgate/runtime';
import { startComponent, type ComponentExit, type ComponentProcess } from './component-process.ts';
import type { ComponentSpec } from './components.ts';
import { describeStartFailure } from './start-failure.ts';
import { restartDelayMs } from './restart-policy.ts';

/** What the cluster tells while it runs. */
export interface ClusterEvents {
  /** A component begins to start. */
  starting(spec: ComponentSpec): void;
  /** A component is ready, so many ms after it began. */
  ready(spec: ComponentSpec, elapsedMs: number): void;
  /** A component died on its own; it starts again after the delay, or not at all (null). */
  died(spec: ComponentSpec, exit: ComponentExit, restartInMs: number | null): void;
  /** A component is being stopped. */
  stopping(spec: ComponentSpec): void;
  /** A line of a component's output. */
  line(component: string, line: string): void;
}

/** What the cluster depends on. */
export interface ClusterDependencies {
  readonly clock: Clock;
  readonly random: Random;
  readonly events: ClusterEvents;
  /** How long a component may take to get ready, ms. */
  readonly readyTimeoutMs: number;
}

/**
 * The processes of the local cluster: starts them stage by stage, starts again what dies, stops
 * them in reverse.
 */
export class Cluster {
  /** Resolves with the component that died so often that the cluster gives up. */
  readonly gaveUp: Promise<ComponentSpec>;
  readonly #stages: readonly (readonly ComponentSpec[])[];
  readonly #deps: ClusterDependencies;
  readonly #running = new Map<string, ComponentProcess>();
  readonly #shutdown = new ShutdownStack();
  readonly #stopSignal = new AbortController();
  readonly #giveUp: (spec: ComponentSpec) => void;

  constructor(stages: readonly (readonly ComponentSpec[])[], deps: ClusterDependencies) {
    this.#stages = stages;
    this.#deps = deps;
    const { promise, resolve } = Promise.withResolvers<ComponentSpec>();
    this.gaveUp = promise;
    this.#giveUp = resolve;
  }

  /**
   * Resolves when all components are ready, or early when {@link stop} is called meanwhile.
   *
   * @throws Failure if one of them does not get ready. The caller then calls {@link stop}.
   */
  async start(): Promise<void> {
    for (const stage of this.#stages) {
      if (this.#stopSignal.signal.aborted) return;
      this.#shutdown.push('stage', () => this.#stopStage(stage));
      await Promise.all(stage.map((spec) => this.#startFirst(spec)));
    }
  }

  /** Stops everything, the last stage first. Idempotent. */
  async stop(): Promise<void> {
    this.#stopSignal.abort();
    await this.#shutdown.close();
  }

  /** Kills everything at once. */
  kill(): void {
    this.#stopSignal.abort();
    for (const component of this.#running.values()) component.kill();
  }

  /** The pid of a component's present run. */
  pid(name: string): number | undefined {
    return this.#running.get(name)?.pid;
  }

  async #startFirst(spec: ComponentSpec): Promise<void> {
    const component = this.#launch(spec);
    const isReady = await this.#waitReady(spec, component);
    if (isReady || this.#stopSignal.signal.aborted) {
      void this.#supervise(spec, component);
      return;
    }
    component.kill();
    throw describeStartFailure(spec, await component.exited, component.lastLines());
  }

  #launch(spec: ComponentSpec): ComponentProcess {
    this.#deps.events.starting(spec);
    const component = startComponent(spec, (line) => this.#deps.events.line(spec.name, line));
    this.#running.set(spec.name, component);
    return component;
  }

  async #waitReady(spec: ComponentSpec, component: ComponentProcess): Promise<boolean> {
    const startedMs = this.#deps.clock.monotonicMs();
    const expiry = new AbortController();
    const { signal } = expiry;
    const expired = sleep(this.#deps.readyTimeoutMs, false, { signal }).catch(() => false);
    const isReady = await Promise.race([component.ready, expired]);
    expiry.abort();
    if (isReady) this.#deps.events.ready(spec, this.#deps.clock.monotonicMs() - startedMs);
    return isReady;
  }

  /** Waits for the death of each run and starts the next, until the cluster stops or gives up. */
  async #supervise(spec: ComponentSpec, first: ComponentProcess): Promise<void> {
    const { clock, random, events } = this.#deps;
    const { signal } = this.#stopSignal;
    const deaths: number[] = [];
    let component = first;
    for (;;) {
      const exit = await component.exited;
      if (signal.aborted) return;
      const nowMs = clock.monotonicMs();
      deaths.push(nowMs);
      if (deaths.length > 100) deaths.shift();
      const delayMs = restartDelayMs(deaths, nowMs, random);
      events.died(spec, exit, delayMs);
      if (delayMs === null) return this.#giveUp(spec);
      await sleep(delayMs, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return;
      component = this.#launch(spec);
      // One that hangs is killed here, so that the loop sees its death.
      if (!(await this.#waitReady(spec, component))) component.kill();
    }
  }

  async #stopStage(stage: readonly ComponentSpec[]): Promise<void> {
    await Promise.all(
      stage.map(async (spec) => {
        const component = this.#running.get(spec.name);
        if (component === undefined || !component.isRunning()) return;
        this.#deps.events.stopping(spec);
        await component.stop();
      }),
    );
  }
}
