import type { Redis } from 'ioredis';
import { StoreFailure } from '@headgate/limiting';
import type { LuaScript } from './lua-script.ts';
import type { RedisLink } from './redis-link.ts';
import type { ScriptCall } from './script-calls.ts';
import { settleWithin } from './settle-within.ts';
import { isNoScript, readFailure } from './store-failures.ts';

/** One command of Redis. */
export type Words = readonly (string | number)[];

/** A command, where it goes and what goes right before it on the same connection. */
interface Sent {
  readonly server: Redis;
  readonly before: readonly Words[];
  readonly words: Words;
}

/** A command may be sent again because it was not executed: to load its script, and to follow a slot that has moved. */
const ROUNDS_MAX = 3;

/** Sends commands, those to one server in one write, and nothing twice that may have been executed. */
export class ScriptSender {
  readonly #link: RedisLink;
  readonly #timeoutMs: number;
  readonly #onLoaded: (script: LuaScript) => void;
  /** Calls that timed out and are still unanswered. */
  lateCalls = 0;

  /** @param onLoaded a server did not know the script, and has it now. */
  constructor(link: RedisLink, timeoutMs: number, onLoaded: (script: LuaScript) => void) {
    this.#link = link;
    this.#timeoutMs = timeoutMs;
    this.#onLoaded = onLoaded;
  }

  /**
   * Runs a script; replies in the order of the calls. NOSCRIPT, MOVED and ASK mean "not executed": those calls are sent
   * again, with the script or to the server that was named. Rejects with a StoreFailure.
   */
  async run(script: LuaScript, calls: readonly ScriptCall[]): Promise<unknown[]> {
    const replies: unknown[] = [];
    const positions = calls.map((_, position) => position);
    let sent = calls.map(({ keys, values }) =>
      this.#to(keys[0] ?? '', ['evalsha', script.sha, keys.length, ...keys, ...values]),
    );
    for (let round = 1; ; round += 1) {
      const answers = await this.#send(sent);
      const again: Sent[] = [];
      const loading = new Set<Redis>();
      const open = positions.splice(0);
      for (const [index, position] of open.entries()) {
        const answer = answers[index];
        const first = sent[index];
        const next =
          first === undefined || !(answer instanceof Error) || round === ROUNDS_MAX
            ? null
            : this.#again(first, answer, script, loading);
        if (next === null) {
          replies[position] = answer;
          continue;
        }
        again.push(next);
        positions.push(position);
      }
      if (again.length === 0) break;
      sent = again;
    }
    for (const reply of replies) if (reply instanceof Error) throw this.#fail(reply);
    return replies;
  }

  /** Runs commands on the server of a key; replies in order. Rejects with a StoreFailure. */
  async runOn(key: string, commands: readonly Words[]): Promise<unknown[]> {
    const replies = await this.#send(commands.map((words) => this.#to(key, words)));
    for (const reply of replies) if (reply instanceof Error) throw this.#fail(reply);
    return replies;
  }

  /** Commands that a server did not execute, to be sent again; null if its answer is final. */
  #again(
    { server, words }: Sent,
    answer: Error,
    script: LuaScript,
    loading: Set<Redis>,
  ): Sent | null {
    if (isNoScript(answer)) {
      if (loading.has(server)) return { server, before: [], words };
      loading.add(server);
      this.#onLoaded(script);
      return { server, before: [['script', 'load', script.text]], words };
    }
    const redirect = this.#link.redirectOf(answer);
    if (redirect === null) return null;
    return { server: redirect.server, before: redirect.isAsking ? [['asking']] : [], words };
  }

  #to(key: string, words: Words): Sent {
    const server = this.#link.serverOf(key);
    if (server !== null) return { server, before: [], words };
    this.#link.lookAgain();
    throw new StoreFailure('connection', `not connected to Redis: ${this.#link.lastError}`);
  }

  /** Replies, or Redis's errors, in order of the commands. Rejects with a StoreFailure. */
  async #send(sent: readonly Sent[]): Promise<unknown[]> {
    const [only] = sent;
    if (only !== undefined && sent.length === 1 && only.before.length === 0) {
      return this.#write(only.server, [only.words]);
    }
    const writes = new Map<Redis, Words[]>();
    const places = sent.map(({ server, before, words }) => {
      const commands = writes.get(server) ?? [];
      writes.set(server, commands);
      commands.push(...before, words);
      return { server, at: commands.length - 1 };
    });
    const answers = new Map<Redis, readonly unknown[]>();
    await Promise.all(
      [...writes].map(async ([server, commands]) => {
        answers.set(server, await this.#write(server, commands));
      }),
    );
    return places.map(({ server, at }) => answers.get(server)?.[at]);
  }

  async #write(server: Redis, commands: readonly Words[]): Promise<unknown[]> {
    const answer = execute(server, commands);
    return settleWithin(answer, this.#timeoutMs, () => {
      this.lateCalls += 1;
      const forget = (): void => void (this.lateCalls -= 1);
      answer.then(forget, forget);
    }).catch((error: unknown) => {
      throw this.#fail(error);
    });
  }

  #fail(error: unknown): StoreFailure {
    const { failure, needsReconnect } = readFailure(error);
    if (needsReconnect) this.#link.lookAgain();
    return failure;
  }
}

/** Replies, or Redis's errors, in order of the commands, which are sent in one write. */
async function execute(server: Redis, commands: readonly Words[]): Promise<unknown[]> {
  const [only = []] = commands;
  const [name, ...rest] = only;
  if (commands.length === 1 && typeof name === 'string') {
    // A pipeline of one command costs some 20 us more.
    return server.call(name, rest).then(
      (value) => [value],
      (error: unknown) => [error],
    );
  }
  const results = await server.pipeline(commands.map((words) => [...words])).exec();
  return (results ?? []).map(([error, value]) => error ?? value);
}
