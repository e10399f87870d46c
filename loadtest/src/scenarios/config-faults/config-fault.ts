import type { FaultRig, FaultRigOptions } from './fault-rig.ts';

/** How large the faults are; each says in its row what was made smaller. */
export interface ConfigFaultsOptions {
  /** How long something is away that would be for a few minutes, in ms. */
  readonly holdMs: number;
  /** N3: how long an edge is partitioned, in ms, in place of 10 minutes. */
  readonly partitionMs: number;
  /** N4: how long an edge stands still, in ms, and what changes meanwhile. */
  readonly stallMs: number;
  readonly stalledUpdates: number;
  /** N6: so many messages of each connection and direction are harmed in turn, each in every way. */
  readonly messagesMax: number;
  /** N9. */
  readonly fakeEdges: number;
  /** C7: kills of an edge while it writes. */
  readonly kills: number;
  /** C9 and C10. */
  readonly tenants: number;
  /** Size of the document of one of these tenants, in bytes. */
  readonly tenantBytes: number;
  /** C4. */
  readonly mutations: number;
  readonly seed: number;
  /** N7. */
  readonly natsRestarts: number;
}

/** What became of a fault. */
export interface FaultFinding {
  readonly figure: string;
  readonly ok: boolean;
}

/** Says what a cluster has to be like. */
export type RigOf = (options: ConfigFaultsOptions) => FaultRigOptions;

/** One fault of the control plane. */
export interface ConfigFault {
  /** `N1` to `N10`, `C1` to `C12`. */
  readonly id: string;
  readonly fault: string;
  /** What has to hold, with its figure. */
  readonly required: string;
  /** What is smaller here than the requirement says. */
  readonly scale?: (options: ConfigFaultsOptions) => string;
  /** The cluster that it is tried on, one for all faults with the same function. Default: two edges with 200 tenants. */
  readonly rig?: RigOf;
  /** @throws Error if the cluster cannot be brought into order again; the next fault gets a new one then. */
  run(rig: FaultRig, options: ConfigFaultsOptions): Promise<FaultFinding>;
}
