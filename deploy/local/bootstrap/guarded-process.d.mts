import type { ChildProcess } from 'node:child_process';

/** What {@link spawnGuarded} runs. */
export interface GuardedCommand {
  /** Program, looked up in the PATH of `env`. */
  readonly command: string;
  readonly args: readonly string[];
  /** The whole environment of the program. */
  readonly env: NodeJS.ProcessEnv;
  readonly cwd?: string | undefined;
  /** `inherit`: the program has our standard streams. `pipe`: its stdin is empty, we read its outputs. */
  readonly streams: 'inherit' | 'pipe';
}

/** A started program; the pid is its own, and that of its process group. */
export type GuardedProcess = ChildProcess & { readonly pid: number };

/**
 * Starts a command as the leader of its own process group. When this process ends in whatever way,
 * SIGKILL included, the group gets SIGTERM and after 15 s SIGKILL. When the command itself exits,
 * what is left of its group is killed.
 *
 * @throws Error if `/bin/sh` cannot be started.
 */
export function spawnGuarded(command: GuardedCommand): GuardedProcess;

/** Sends a signal to every process of a group; a group that is gone is not an error. */
export function killGroup(pid: number, signal: NodeJS.Signals): void;
