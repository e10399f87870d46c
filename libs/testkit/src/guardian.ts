import { spawn, type ChildProcess } from 'node:child_process';
import type { Socket } from 'node:net';

// A SIGKILLed process cannot clean up, so something else must notice its death. Every started
// process gets a guardian: a shell that blocks on a pipe whose other end only we hold. The kernel
// closes our end however we die; the guardian then reads the end of the file and kills the
// process group. It runs in a session of its own, so a Ctrl-C in the terminal does not reach it.
//
// Between "the process exists" and "its guardian exists" we could die, so the process begins as a
// shell that waits at a gate (file descriptor 3) and only executes the command once we open it.
// `exec` keeps the pid, and we stay the parent, so pid and exit status are those of the command.

const GATE = 'read -r go <&3 || exit 125; exec "$@" 3<&-';
const GUARD = `trap '' HUP INT TERM; if read -r done; then exit 0; fi; kill -s KILL -- "-$1"`;

/** What {@link spawnGuarded} runs; times and paths as in `node:child_process`. */
export interface GuardedCommand {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly cwd?: string | undefined;
  readonly uid?: number | undefined;
  readonly gid?: number | undefined;
}

/**
 * Starts a command as the leader of its own process group, with a guardian that kills the group
 * when this process dies in whatever way. stdin is /dev/null, stdout and stderr are pipes.
 * When the command exits, what is left of its group is killed and the guardian goes too.
 *
 * @throws Error if `/bin/sh` cannot be started.
 */
export function spawnGuarded(options: GuardedCommand): ChildProcess & { readonly pid: number } {
  const child = spawn('/bin/sh', ['-c', GATE, 'gate', options.command, ...options.args], {
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    detached: true,
    env: options.env,
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.uid === undefined ? {} : { uid: options.uid }),
    ...(options.gid === undefined ? {} : { gid: options.gid }),
  });
  // An unusable cwd or uid is reported by an 'error' event as well; the missing pid says it now.
  child.on('error', () => undefined);
  const { pid } = child;
  if (pid === undefined)
    throw new Error(`cannot start ${options.command} in ${options.cwd ?? '.'}`);

  const guardian = spawn('/bin/sh', ['-c', GUARD, 'guardian', String(pid)], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
    env: {},
  });
  guardian.on('error', () => undefined);
  guardian.stdin.on('error', () => undefined);
  guardian.unref();
  if (guardian.pid === undefined) {
    child.kill('SIGKILL');
    throw new Error(`cannot start the guardian of ${options.command}`);
  }

  child.once('exit', () => {
    killGroup(pid);
    guardian.stdin.end('done\n');
  });
  // stdio[3] is the pipe asked for above; node types it as any stream.
  const gate = child.stdio[3] as Socket;
  gate.on('error', () => undefined);
  gate.end('go\n');
  return Object.assign(child, { pid });
}

/** Kills every process of a group with SIGKILL; a group that is gone is not an error. */
export function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // ESRCH: nobody is left. EPERM (macOS): only zombies are left.
  }
}
