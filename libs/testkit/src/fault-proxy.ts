import { connect, createServer, type Socket } from 'node:net';
import { resetSocket } from '@headgate/runtime';
import { closeServer, listenLocally } from './listen.ts';

/** A TCP proxy in front of a server, with faults to switch on and off. */
export interface FaultProxy {
  readonly host: '127.0.0.1';
  readonly port: number;
  /** Open connections. */
  readonly connectionCount: number;
  /** Connections accepted since the start, refused ones included. */
  readonly acceptedCount: number;
  /** Resets every new connection as soon as it is accepted; existing ones go on. */
  refuseNew(): void;
  /** Resets every existing connection on both sides (RST); new ones are served. */
  cut(): void;
  /** Both of the above: the server is gone, until {@link FaultProxy.resume}. */
  partition(): void;
  /** Silence: connections (new ones too) stay open, no byte passes in either direction. */
  pause(): void;
  /** Holds every chunk back for `ms` in each direction; order is kept. 0 switches it off. */
  delay(ms: number): void;
  /** Back to normal: undoes refuse, pause and delay; what was held back is delivered. */
  resume(): void;
  /** Stops listening and ends every connection. */
  close(): Promise<void>;
}

interface Pair {
  readonly client: Socket;
  readonly server: Socket;
}

interface Faults {
  refusing: boolean;
  paused: boolean;
  delayMs: number;
}

/** Which way bytes go. */
export type FlowDirection = 'toServer' | 'toClient';

/** What a proxy passes on in place of a chunk; an empty buffer for nothing. */
export type ChunkEdit = (chunk: Buffer) => Buffer;

/** Where a {@link createFaultProxy} leads, and what it does on the way. */
export interface FaultProxyTarget {
  /** Default: 127.0.0.1. */
  readonly host?: string;
  /** Read for each new connection, so a getter may lead it elsewhere. */
  readonly port: number;
  /** Called once for each connection and direction. Default: bytes pass as they are. */
  readonly edit?: (direction: FlowDirection) => ChunkEdit;
}

/** Starts a proxy on a free port of 127.0.0.1 in front of `target`. */
export async function createFaultProxy(target: FaultProxyTarget): Promise<FaultProxy> {
  const faults: Faults = { refusing: false, paused: false, delayMs: 0 };
  const pairs = new Set<Pair>();
  let acceptedCount = 0;

  const listener = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    acceptedCount += 1;
    if (faults.refusing) {
      client.on('error', () => undefined);
      resetSocket(client);
      return;
    }
    const { host = '127.0.0.1', port } = target;
    const server = connect({ host, port, allowHalfOpen: true, noDelay: true });
    const pair = { client, server };
    pairs.add(pair);
    const onClosed = () => pairs.delete(pair);
    const edit = target.edit ?? (() => unchanged);
    join(client, server, { faults, edit: edit('toServer'), onClosed });
    join(server, client, { faults, edit: edit('toClient'), onClosed });
  });
  const cut = () => {
    for (const { client, server } of pairs) {
      resetSocket(client);
      resetSocket(server);
    }
  };
  const setPaused = (paused: boolean) => {
    faults.paused = paused;
    for (const socket of [...pairs].flatMap(({ client, server }) => [client, server])) {
      if (paused) socket.pause();
      else socket.resume();
    }
  };
  const port = await listenLocally(listener);
  return {
    host: '127.0.0.1',
    port,
    get connectionCount() {
      return pairs.size;
    },
    get acceptedCount() {
      return acceptedCount;
    },
    refuseNew: () => void (faults.refusing = true),
    cut,
    partition() {
      faults.refusing = true;
      cut();
    },
    pause: () => setPaused(true),
    delay: (ms) => void (faults.delayMs = ms),
    resume() {
      faults.refusing = false;
      faults.delayMs = 0;
      setPaused(false);
    },
    close: () =>
      closeServer(
        listener,
        [...pairs].flatMap(({ client, server }) => [client, server]),
      ),
  };
}

interface Flow {
  readonly faults: Faults;
  readonly edit: ChunkEdit;
  readonly onClosed: () => void;
}

const unchanged: ChunkEdit = (chunk) => chunk;

/** Carries one direction. Chunks go through a chain of promises, so a delay keeps their order. */
function join(from: Socket, to: Socket, { faults, edit, onClosed }: Flow): void {
  let sending: Promise<void> | null = null;
  const after = (act: () => void) => {
    if (faults.delayMs === 0 && sending === null) return act();
    const { delayMs } = faults;
    const turn: Promise<void> = Promise.all([sending, wait(delayMs)]).then(() => {
      if (sending === turn) sending = null;
      act();
    });
    sending = turn;
  };
  from.on('data', (chunk: Buffer) => {
    after(() => {
      const bytes = edit(chunk);
      if (bytes.length > 0 && to.writable && !to.write(bytes)) {
        from.pause();
        to.once('drain', () => !faults.paused && from.resume());
      }
    });
  });
  from.on('end', () => after(() => to.end()));
  from.on('error', () => resetSocket(to));
  from.on('close', () => {
    onClosed();
    if (!from.readableEnded) to.destroy();
  });
  if (faults.paused) from.pause();
}

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
