import { connect, type Socket } from 'node:net';

/** A reply of Redis: texts, numbers, null and lists of them. */
export type RedisReply = string | number | null | readonly RedisReply[];

/** Time for an answer, in ms. */
const ANSWER_MS_MAX = 5000;

/**
 * Sends one command to a Redis on a connection of its own.
 *
 * @throws Error with Redis's text if it refuses, or if it does not answer within 5 s.
 */
export async function sendRedis(
  server: { readonly host?: string; readonly port: number },
  words: readonly (string | number)[],
  password?: string,
): Promise<RedisReply> {
  const socket = connect(server.port, server.host ?? '127.0.0.1');
  socket.setTimeout(ANSWER_MS_MAX, () => socket.destroy(new Error(`no answer to ${words[0]}`)));
  try {
    if (password !== undefined) socket.write(encode(['AUTH', password]));
    socket.write(encode(words));
    return await readLast(socket, password === undefined ? 1 : 2);
  } finally {
    socket.destroy();
  }
}

function encode(words: readonly (string | number)[]): string {
  const parts = words.map((word) => `$${Buffer.byteLength(String(word))}\r\n${word}\r\n`);
  return `*${words.length}\r\n${parts.join('')}`;
}

async function readLast(socket: Socket, replies: number): Promise<RedisReply> {
  let text = '';
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    text += chunk.toString('latin1');
    let at = 0;
    for (let count = 1; ; count += 1) {
      const read = readReply(text, at);
      if (read === null) break;
      if (count === replies) return read.value;
      at = read.end;
    }
  }
  throw new Error('Redis closed the connection');
}

/** Null if the reply is not there as a whole. Throws what Redis says in an error. */
function readReply(text: string, at: number): { value: RedisReply; end: number } | null {
  const lineEnd = text.indexOf('\r\n', at);
  if (lineEnd === -1) return null;
  const line = text.slice(at + 1, lineEnd);
  let end = lineEnd + 2;
  const kind = text[at];
  if (kind === '-') throw new Error(line);
  if (kind === '+') return { value: line, end };
  const number = Number(line);
  if (kind === ':') return { value: number, end };
  if (number === -1) return { value: null, end };
  if (kind === '$') {
    if (text.length < end + number + 2) return null;
    return { value: text.slice(end, end + number), end: end + number + 2 };
  }
  const items: RedisReply[] = [];
  while (items.length < number) {
    const item = readReply(text, end);
    if (item === null) return null;
    items.push(item.value);
    end = item.end;
  }
  return { value: items, end };
}
