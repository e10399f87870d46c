import { once } from 'node:events';
import { connect } from 'node:net';
import { startProcess } from '@headgate/testkit';
import { findProgram } from '../bench/find-program.ts';
import type { Say } from './scenario.ts';

/** A way of being slow: with the head, with the body, or with taking the answer. */
export type SlowAttack = 'head' | 'body' | 'read';

/** What an attack looks like, for slowhttptest and for connections of our own. */
interface AttackShape {
  /** Options of slowhttptest beside those that all attacks share. */
  readonly options: readonly string[];
  /** What slowhttptest asks for; what the kernel buffers for 4,000 readers has to fit into its memory. */
  readonly path: string;
  /** What one connection of our own sends first. */
  readonly opening: string;
  /** What it sends further every 250 ms; '' for nothing. */
  readonly drip: string;
}

const SHAPES: Readonly<Record<SlowAttack, AttackShape>> = {
  head: {
    options: ['-H', '-i', '5', '-x', '24'],
    path: '/attacked/',
    opening: 'GET /attacked/ HTTP/1.1\r\nHost: localhost\r\nX-A: ',
    drip: 'a',
  },
  body: {
    options: ['-B', '-i', '5', '-x', '10', '-s', '8192', '-t', 'POST'],
    path: '/attacked/',
    opening: 'POST /attacked/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 8192\r\n\r\n',
    drip: 'a',
  },
  read: {
    options: ['-X', '-w', '512', '-y', '1024', '-n', '5', '-z', '32', '-k', '1'],
    path: '/attacked/bytes/65536',
    opening: 'GET /attacked/bytes/16777216 HTTP/1.1\r\nHost: localhost\r\n\r\n',
    drip: '',
  },
};

/** Connections that slowhttptest opens in a second. */
const CONNECTIONS_PER_SECOND = 500;

/** Whole seconds until slowhttptest has opened as many connections. */
export function connectSeconds(connections: number): number {
  return Math.ceil(connections / CONNECTIONS_PER_SECOND);
}

/** Runs slowhttptest for `seconds`; false if it is not installed. */
export async function runSlowHttpTest(
  attack: SlowAttack,
  options: { port: number; connections: number; seconds: number },
  say: Say,
): Promise<boolean> {
  const program = await findProgram('slowhttptest');
  if (program === null) {
    say('slowhttptest is not installed: the few connections of our own attack alone');
    return false;
  }
  const { port, connections, seconds } = options;
  const started = await startProcess({
    name: 'slowhttptest',
    command: program,
    args: [
      ...SHAPES[attack].options,
      ...['-c', String(connections), '-r', String(CONNECTIONS_PER_SECOND)],
      ...['-l', String(seconds), '-p', '3'],
      ...['-u', `http://127.0.0.1:${port}${SHAPES[attack].path}`],
    ],
  });
  const kill = setTimeout(() => started.kill('SIGKILL'), (seconds + 15) * 1000);
  await started.exited;
  clearTimeout(kill);
  return true;
}

/** Attacks with `count` connections of our own; resolves with how long each lived in ms, at most `limitMs`. */
export async function attackAndTime(
  attack: SlowAttack,
  port: number,
  count: number,
  limitMs: number,
): Promise<number[]> {
  return Promise.all(Array.from({ length: count }, () => attackOnce(attack, port, limitMs)));
}

async function attackOnce(attack: SlowAttack, port: number, limitMs: number): Promise<number> {
  const { opening, drip } = SHAPES[attack];
  const socket = connect({ host: '127.0.0.1', port, noDelay: true });
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  const startMs = performance.now();
  socket.write(opening);
  const timer = setInterval(() => socket.write(drip), 250);
  const limit = setTimeout(() => socket.destroy(), limitMs);
  if (attack === 'read') socket.pause();
  else socket.resume();
  // A paused socket learns of an RST when it is written to or read from; a half-closed one is cut as well.
  const livedMs = await new Promise<number>((resolve) => {
    const done = (): void => resolve(performance.now() - startMs);
    socket.once('close', done).once('end', done);
  });
  clearInterval(timer);
  clearTimeout(limit);
  socket.destroy();
  return livedMs;
}
