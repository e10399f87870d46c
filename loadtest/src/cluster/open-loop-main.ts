import { connect, type Socket } from 'node:net';

// A generator of load that is cheap enough to overload an edge:
//
//     node open-loop-main.ts '{"port":…,"host":…,"connections":…,"perSecond":…,"seconds":…,"warmSeconds":…,"timeoutMs":…}'
//
// It opens all connections, says `started` and begins. `perSecond` 0 is a closed loop: every connection sends its next
// request when it has the answer. Otherwise requests leave on time, each on a connection that is free; when none is, the
// request has failed. One that is not answered within `timeoutMs` has failed, too, and its connection is replaced, as
// clients do. What happens after `warmSeconds` counts; one line of JSON on standard output tells it.

interface Options {
  readonly port: number;
  readonly host: string;
  readonly connections: number;
  readonly perSecond: number;
  readonly seconds: number;
  readonly warmSeconds: number;
  readonly timeoutMs: number;
}

/** What the generator prints. */
export interface OpenLoopCounts {
  /** 200 in time. */
  ok: number;
  /** 503. */
  shed: number;
  /** Neither: no answer in time, a lost connection, another status, or no connection was free. */
  failed: number;
}

const options = JSON.parse(process.argv[2] ?? '{}') as Options; // written by the scenario
const request = `GET / HTTP/1.1\r\nHost: ${options.host}\r\nUser-Agent: open-loop\r\nAccept: */*\r\n\r\n`;
const counts: OpenLoopCounts = { ok: 0, shed: 0, failed: 0 };
let startMs = Infinity;
let warmMs = Infinity;
let endMs = Infinity;
const free: Link[] = [];
const links = new Set<Link>();

/** Connections that do not stand by then are not waited for. */
const CONNECT_MS_MAX = 15_000;
/** Ends a body in chunks; our endpoint sends no trailers. */
const LAST_CHUNK = '0\r\n\r\n';

/** One connection; carries one request at a time. */
class Link {
  readonly socket: Socket;
  sentMs = 0;
  busy = false;
  #status = 0;
  /** Of a body with a length; NaN for one in chunks. */
  #left = 0;
  #tail = '';

  constructor() {
    this.socket = connect({ port: options.port, host: '127.0.0.1', noDelay: true });
    this.socket.on('connect', () => this.release());
    this.socket.on('data', (chunk: Buffer) => this.#read(chunk));
    this.socket.on('error', () => undefined);
    this.socket.on('close', () => this.#lost());
    links.add(this);
  }

  send(): void {
    this.busy = true;
    this.sentMs = performance.now();
    this.socket.write(request, 'latin1');
  }

  release(): void {
    if (options.perSecond === 0 && startMs !== Infinity) this.send();
    else free.push(this);
  }

  #read(chunk: Buffer): void {
    if (this.#status === 0) {
      const end = chunk.indexOf('\r\n\r\n');
      if (end === -1) return; // the edge sends heads in one piece
      const head = chunk.toString('latin1', 0, end);
      this.#status = Number(head.slice(9, 12));
      this.#left = Number(/content-length: (\d+)/i.exec(head)?.[1]) + end + 4;
    }
    this.#left -= chunk.length;
    this.#tail = (
      this.#tail + chunk.toString('latin1', Math.max(0, chunk.length - LAST_CHUNK.length))
    ).slice(-LAST_CHUNK.length);
    if (this.#left > 0 || (Number.isNaN(this.#left) && this.#tail !== LAST_CHUNK)) return;
    count(this.#status === 200 ? 'ok' : this.#status === 503 ? 'shed' : 'failed');
    this.#status = 0;
    this.busy = false;
    this.release();
  }

  #lost(): void {
    links.delete(this);
    const index = this.busy ? -1 : free.indexOf(this);
    if (index !== -1) free.splice(index, 1);
    if (this.busy) count('failed');
    setTimeout(() => new Link(), 10);
  }
}

function count(outcome: keyof OpenLoopCounts): void {
  const nowMs = performance.now();
  if (nowMs >= warmMs && nowMs < endMs) counts[outcome] += 1;
}

const connectUntilMs = performance.now() + CONNECT_MS_MAX;
let sent = 0;

function tick(): void {
  const nowMs = performance.now();
  if (nowMs >= endMs) {
    console.log(JSON.stringify(counts));
    process.exit(0);
  }
  if (startMs === Infinity) {
    if (free.length === options.connections || nowMs >= connectUntilMs) begin(nowMs);
    return;
  }
  const due = Math.floor(((nowMs - startMs) * options.perSecond) / 1000);
  while (sent < due) {
    sent += 1;
    const link = free.shift(); // in turn, as the clients behind the connections are many
    if (link !== undefined) link.send();
    else count('failed');
  }
}

function cutLate(): void {
  const nowMs = performance.now();
  for (const link of links) {
    if (link.busy && nowMs - link.sentMs > options.timeoutMs) link.socket.destroy();
  }
}

/** Begins to send, and to count. */
function begin(nowMs: number): void {
  startMs = nowMs;
  warmMs = startMs + options.warmSeconds * 1000;
  endMs = warmMs + options.seconds * 1000;
  console.log('started');
  if (options.perSecond === 0) for (const link of free.splice(0)) link.send();
}

for (let index = 0; index < options.connections; index += 1) new Link();
setInterval(tick, 1);
setInterval(cutLate, 100);
