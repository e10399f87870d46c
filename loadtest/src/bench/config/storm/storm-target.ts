/** A proxy with the routes of all tenants, as the storm of changes sees it. */
export interface StormTarget {
  readonly name: string;
  readonly port: number;
  /** The process that handles requests; its descendants count too. */
  readonly pid: number;
  /** Processes that bring changes there, such as the config-service; none for a proxy that reads files. */
  readonly controlPids: readonly number[];
  /** Tells it that the changing route of a tenant has moved to `changedPath(change)`; when it is in effect is its affair. */
  change(tenant: number, change: number): Promise<void>;
  /** Only of a proxy that may miss that it is to reload while it reloads. A change that an edge misses is lost, and a failure. */
  readonly reloadAgain?: () => void;
  stop(): Promise<void>;
}

/** What targets are started with. */
export interface StormSetting {
  /** Path of nginx, the backend. */
  readonly nginx: string;
  /** Each has two routes. */
  readonly tenants: number;
  readonly say: (line: string) => void;
}

/** How to start one. */
export interface StormEntrant {
  readonly name: string;
  /** Why it cannot run here; null if it can. */
  missing(): Promise<string | null>;
  start(setting: StormSetting): Promise<StormTarget>;
}
