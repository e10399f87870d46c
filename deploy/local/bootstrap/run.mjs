import { killGroup, spawnGuarded } from './guarded-process.mjs';

const FORWARDED_SIGNALS = /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP']);
const OUTPUT_CHARACTERS_MAX = 64 * 1024;
const REPORT_EVERY_MS = { terminal: 1000, file: 10_000 };

/** How often to look whether npm is still there, ms. */
const PARENT_EVERY_MS = 500;
/** npm, if it runs us: the scripts of package.json `exec`, so that no shell is between. */
const npmPid = process.env.npm_lifecycle_event === undefined ? null : process.ppid;

/** Exit code of a process that a signal ended, as shells count it. */
const SIGNAL_CODES = { SIGHUP: 129, SIGINT: 130, SIGKILL: 137, SIGTERM: 143 };

/**
 * Runs a program in place of this one: it has our standard streams, gets our signals, and ends when
 * we, or the npm that runs us, end in whatever way.
 *
 * @param {string} command
 * @param {readonly string[]} args
 * @param {string} cwd
 * @param {number | null} deadlineMs it gets SIGTERM then; null: it may run for ever
 * @returns {Promise<number>} its exit code
 */
export async function runInForeground(command, args, cwd, deadlineMs) {
  const child = spawnGuarded({ command, args, cwd, env: process.env, streams: 'inherit' });
  const expire = () => {
    process.stderr.write(
      `error: not finished after ${(deadlineMs ?? 0) / 60_000} min; stopping.\n`,
    );
    child.kill('SIGTERM');
  };
  const timer = deadlineMs === null ? undefined : setTimeout(expire, deadlineMs);
  const { code } = await ended(child, (signal) => void child.kill(signal));
  clearTimeout(timer);
  return code;
}

/**
 * Runs a program that takes a while, and tells how long it has taken so far.
 *
 * @param {string} label what it does, for the reader
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{cwd?: string, env: NodeJS.ProcessEnv}} options
 * @returns {Promise<{code: number, output: string}>} exit code and the end of both outputs
 */
export async function runWithProgress(label, command, args, options) {
  const child = spawnGuarded({ command, args, ...options, streams: 'pipe' });
  let output = '';
  const keep = (/** @type {string} */ chunk) => {
    output = (output + chunk).slice(-OUTPUT_CHARACTERS_MAX);
  };
  child.stdout?.setEncoding('utf8').on('data', keep);
  child.stderr?.setEncoding('utf8').on('data', keep);

  const progress = createProgress(label, `${command} ${args.join(' ')}`);
  // The whole group: installers start further processes.
  const exit = await ended(child, (signal) => killGroup(child.pid, signal));
  progress.finish(exit.code === 0 ? 'done' : 'failed');
  if (exit.interrupted) process.exit(exit.code);
  return { code: exit.code, output };
}

/**
 * Waits for a child's end; passes our signals on meanwhile. A npm that is killed with SIGKILL cannot send one: its end
 * counts as SIGTERM.
 *
 * @param {import('node:child_process').ChildProcess} child
 * @param {(signal: NodeJS.Signals) => void} forward
 * @returns {Promise<{code: number, interrupted: boolean}>}
 */
function ended(child, forward) {
  let interrupted = false;
  const onSignal = (/** @type {NodeJS.Signals} */ signal) => {
    interrupted = true;
    forward(signal);
  };
  for (const signal of FORWARDED_SIGNALS) process.on(signal, onSignal);
  const watch = setInterval(() => {
    if (npmPid === null || process.ppid === npmPid) return;
    clearInterval(watch);
    onSignal('SIGTERM');
  }, PARENT_EVERY_MS);
  return new Promise((resolve, reject) => {
    child.once('error', (error) => {
      clearInterval(watch);
      reject(error);
    });
    child.once('close', (code, signal) => {
      clearInterval(watch);
      for (const name of FORWARDED_SIGNALS) process.off(name, onSignal);
      const signalCodes = /** @type {Record<string, number>} */ (SIGNAL_CODES);
      resolve({ code: code ?? signalCodes[signal ?? ''] ?? 1, interrupted });
    });
  });
}

/**
 * One line that is rewritten every second on a terminal; elsewhere a line every ten seconds.
 *
 * @param {string} label
 * @param {string} command
 */
function createProgress(label, command) {
  const startedMs = Date.now();
  const terminal = process.stdout.isTTY === true;
  const line = (/** @type {string} */ state) => {
    const seconds = Math.round((Date.now() - startedMs) / 1000);
    return `${label.padEnd(14)}${state.padEnd(12)}${String(seconds).padStart(4)} s   ${command}`;
  };
  const report = () =>
    process.stdout.write(terminal ? `\r${line('installing')}` : `${line('installing')}\n`);
  report();
  const timer = setInterval(report, terminal ? REPORT_EVERY_MS.terminal : REPORT_EVERY_MS.file);
  return {
    finish(/** @type {string} */ state) {
      clearInterval(timer);
      process.stdout.write(`${terminal ? '\r' : ''}${line(state)}\n`);
    },
  };
}
