import { connect, createServer, type Socket } from 'node:net';
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

/** Starts a proxy on a free port of 127.0.0.1 in front of `target`. */
export async function createFaultProxy(target: {
  readonly host?: string;
  readonly port: number;
}): Promise<FaultProxy> {
  const faults: Faults = { refusing: false, paused: false, delayMs: 0 };
  const pairs = new Set<Pair>();
  let acceptedCount = 0;

  const listener = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    acceptedCount += 1;
    if (faults.refusing) {
      client.on('error', () => undefined);
      client.resetAndDestroy();
      return;
    }
    const server = connect({ ...target, allowHalfOpen: true, noDelay: true });
    const pair = { client, server };
    pairs.add(pair);
    join(client, server, faults, () => pairs.delete(pair));
    join(server, client, faults, () => pairs.delete(pair));
  });
  const cut = () => {
    for (const { client, server } of pairs) {
      client.resetAndDestroy();
      server.resetAndDestroy();
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

/** Carries one direction. Chunks go through a chain of promises, so a delay keeps their order. */
function join(from: Socket, to: Socket, faults: Faults, onClosed: () => void): void {
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
      if (to.writable && !to.write(chunk)) {
        from.pause();
        to.once('drain', () => !faults.paused && from.resume());
      }
    });
  });
  from.on('end', () => after(() => to.end()));
  from.on('error', () => to.resetAndDestroy());
  from.on('close', () => {
    onClosed();
    if (!from.readableEnded) to.destroy();
  });
  if (faults.paused) from.pause();
}

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
