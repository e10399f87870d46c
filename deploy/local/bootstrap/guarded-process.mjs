import { spawn } from 'node:child_process';

// A SIGKILLed process cannot clean up, so something else must notice its death. Every child gets a
// guardian: a shell that blocks on a pipe whose other end only we hold. The kernel closes our end
// however we die; the guardian then ends the child's process group, first in an orderly way. It runs
// in a session of its own, so a Ctrl-C in the terminal does not reach it.
//
// Between "the child exists" and "its guardian exists" we could die, so the child begins as a shell
// that waits at a gate (file descriptor 3) and executes the command once we open it. `exec` keeps
// the pid, so pid and exit status are those of the command.
const GATE = 'read -r go <&3 || exit 125; exec "$@" 3<&-';
const GUARD = `trap '' HUP INT TERM; if read -r done; then exit 0; fi
kill -s TERM -- "-$1"; i=0
while kill -s 0 -- "-$1" 2>/dev/null && [ $i -lt 75 ]; do sleep 0.2; i=$((i+1)); done
kill -s KILL -- "-$1"`;

/**
 * Starts a command as the leader of its own process group; see guarded-process.d.mts.
 *
 * @param {import('./guarded-process.mjs').GuardedCommand} command
 * @returns {import('./guarded-process.mjs').GuardedProcess}
 */
export function spawnGuarded({ command, args, env, cwd, streams }) {
  const child = spawn('/bin/sh', ['-c', GATE, 'gate', command, ...args], {
    stdio: [streams === 'inherit' ? 'inherit' : 'ignore', streams, streams, 'pipe'],
    detached: true,
    env,
    ...(cwd === undefined ? {} : { cwd }),
  });
  child.on('error', () => undefined);
  const { pid } = child;
  if (pid === undefined) throw new Error(`cannot start a process for ${command}`);

  const guardian = spawn('/bin/sh', ['-c', GUARD, 'guardian', String(pid)], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  guardian.on('error', () => undefined);
  guardian.stdin.on('error', () => undefined);
  guardian.unref();
  if (guardian.pid === undefined) {
    child.kill('SIGKILL');
    throw new Error(`cannot start the guardian of ${command}`);
  }
  child.once('exit', () => {
    killGroup(pid, 'SIGKILL');
    guardian.stdin.end('done\n');
  });
  const gate = /** @type {import('node:net').Socket} */ (child.stdio[3]);
  gate.on('error', () => undefined);
  gate.end('go\n');
  return Object.assign(child, { pid });
}

/**
 * @param {number} pid
 * @param {NodeJS.Signals} signal
 */
export function killGroup(pid, signal) {
  try {
    process.kill(-pid, signal);
  } catch {
    // ESRCH: nobody is left. EPERM (macOS): only zombies are left.
  }
}
