import type { RowTable } from '../bench/side-by-side/row-table.ts';

/** Where a scenario tells what it does; lines go to the terminal, or nowhere in tests. */
export type Say = (line: string) => void;

/** One promise of the product, checked. */
export interface Check {
  readonly rule: string;
  /** What was measured, for people. */
  readonly figure: string;
  readonly passed: boolean;
}

/** What a scenario found. */
export interface ScenarioResult {
  readonly name: string;
  readonly checks: readonly Check[];
  /** For `docs/<name>.md`; absent if the scenario has no page there. */
  readonly page?: ScenarioPage;
}

/** What a page of a scenario in the documentation says beside when and where it ran. */
export interface ScenarioPage {
  readonly title: string;
  /** Lines of Markdown. */
  readonly introduction: readonly string[];
  readonly table: RowTable;
}

/** A bundle with one tenant on one plan, for scenarios. */
export function oneTenantBundle(options: {
  readonly host: string;
  readonly ports: readonly number[];
  readonly limits?: readonly object[];
  readonly healthCheck?: object;
  readonly upstream?: object;
  readonly route?: object;
}): object {
  return {
    apiVersion: 'headgate/v1',
    plans: { standard: { limits: options.limits ?? [] } },
    tenants: {
      acme: {
        planId: 'standard',
        identity: { hosts: [options.host] },
        upstreams: {
          main: {
            endpoints: options.ports.map((port) => ({ host: '127.0.0.1', port })),
            ...(options.healthCheck === undefined ? {} : { healthCheck: options.healthCheck }),
            ...options.upstream,
          },
        },
        routes: { all: { upstreamId: 'main', ...options.route } },
      },
    },
  };
}

/** Time a piece of work. */
export async function timed<Result>(work: () => Promise<Result>): Promise<[Result, number]> {
  const startMs = performance.now();
  const result = await work();
  return [result, performance.now() - startMs];
}
