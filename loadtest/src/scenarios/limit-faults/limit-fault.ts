import type { LimitRig } from './limit-rig.ts';

/** What became of a fault. */
export interface LimitFinding {
  readonly figure: string;
  readonly ok: boolean;
}

/** One fault of what limits are counted with. */
export interface LimitFault {
  /** `R1` to `R9`, or a word for those without a number. */
  readonly id: string;
  readonly fault: string;
  /** What has to hold, with its figure. */
  readonly bound: string;
  /** @throws Error if the cluster cannot be brought into order again. */
  readonly run: (rig: LimitRig) => Promise<LimitFinding>;
}
