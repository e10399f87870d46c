import {
  connect,
  credsAuthenticator,
  Events,
  type ConnectionOptions,
  type NatsConnection,
  type Subscription as NatsSubscription,
} from 'nats';
import { fullJitterMs, type Clock, type Random } from '@headgate/runtime';
import type {
  Bus,
  BusEvent,
  BusMessage,
  RequestOutcome,
  SendOutcome,
  Subscription,
} from './bus.ts';
import { createCallbackGuard, type CallbackGuard } from './callback-guard.ts';
import { errorCode, errorCodes } from './jetstream-error.ts';
import { createReconnectDelay, type ReconnectDelay } from './reconnect-delay.ts';
import { whileConnected } from './while-connected.ts';
import { createWakeableSleep } from './wakeable-sleep.ts';

/** Where and as whom to connect. */
export interface BusOptions {
  /** `nats://host:port` or `tls://host:port`, at least one. */
  readonly servers: readonly string[];
  /** Name of this client in the server's monitoring. */
  readonly name: string;
  readonly user?: string;
  readonly password?: string;
  readonly token?: string;
  /** Content of a `.creds` file. */
  readonly credentials?: string;
  /** Paths of PEM files; their presence demands TLS. */
  readonly tls?: {
    readonly caFile?: string;
    readonly certFile?: string;
    readonly keyFile?: string;
  };
  /** Longest wait between two attempts, in ms. Default 1000: an edge without news serves stale limits. */
  readonly reconnectWaitMsMax?: number;
  /** A server that does not answer pings for twice this time counts as gone. Default 5000 ms. */
  readonly pingIntervalMs?: number;
  readonly onEvent?: (event: BusEvent) => void;
}

// The client's statuses are two enums in one field; as strings they can be compared.
const DISCONNECT = String(Events.Disconnect);
const RECONNECT = String(Events.Reconnect);
const ERROR = String(Events.Error);

interface Registration {
  readonly subject: string;
  readonly queue: string | undefined;
  readonly onMessage: (message: BusMessage) => void | Promise<void>;
  attached: NatsSubscription | null;
}

/**
 * Connects in the background and for ever: returns at once, also when no server is there, and
 * reconnects with full jitter after every loss. Whoever connects closes.
 */
export function connectBus(
  deps: { readonly clock: Clock; readonly random: Random },
  options: BusOptions,
): Bus {
  return new NatsBus(deps, options);
}

class NatsBus implements Bus {
  readonly guard: CallbackGuard;
  readonly #options: BusOptions;
  readonly #random: Random;
  readonly #delay: ReconnectDelay;
  readonly #registrations = new Set<Registration>();
  readonly #listeners = new Set<(connected: boolean) => void>();
  readonly #sleep = createWakeableSleep();
  readonly #running: Promise<void>;
  #client: NatsConnection | null = null;
  #connected = false;
  #closed = false;

  constructor(deps: { readonly clock: Clock; readonly random: Random }, options: BusOptions) {
    this.#options = options;
    this.#random = deps.random;
    this.#delay = createReconnectDelay(deps, options.reconnectWaitMsMax ?? 1000);
    this.guard = createCallbackGuard((where, error) =>
      options.onEvent?.({ type: 'callback-failed', where, error }),
    );
    this.#running = this.#run();
  }

  get connected(): boolean {
    return this.#connected;
  }

  get payloadBytesMax(): number | null {
    return this.#client?.info?.max_payload ?? null;
  }

  connection(): NatsConnection | null {
    return this.#connected ? this.#client : null;
  }

  publish(subject: string, data: Uint8Array): SendOutcome {
    const client = this.connection();
    if (client === null) return 'disconnected';
    try {
      client.publish(subject, data);
      return 'sent';
    } catch (error) {
      return errorCode(error) === errorCodes.tooLarge ? 'too-large' : 'disconnected';
    }
  }

  async request(subject: string, data: Uint8Array, timeoutMs: number): Promise<RequestOutcome> {
    const client = this.connection();
    if (client === null) return { ok: false, reason: 'disconnected' };
    try {
      const answer = client.request(subject, data, { timeout: timeoutMs });
      const reply = await whileConnected(this, answer);
      return { ok: true, data: reply.data };
    } catch (error) {
      const code = errorCode(error);
      if (code === errorCodes.tooLarge) return { ok: false, reason: 'too-large' };
      if (code === errorCodes.noResponders) return { ok: false, reason: 'no-responders' };
      if (code === errorCodes.timeout) return { ok: false, reason: 'timeout' };
      return { ok: false, reason: 'disconnected' };
    }
  }

  subscribe(
    subject: string,
    onMessage: (message: BusMessage) => void | Promise<void>,
    options: { readonly queue?: string } = {},
  ): Subscription {
    const registration = { subject, queue: options.queue, onMessage, attached: null };
    this.#registrations.add(registration);
    this.#attach(registration);
    return {
      unsubscribe: () => {
        this.#registrations.delete(registration);
        detach(registration);
      },
    };
  }

  onConnection(listener: (connected: boolean) => void): Subscription {
    this.#listeners.add(listener);
    if (this.#connected) this.guard.run('connection listener', () => listener(true));
    return { unsubscribe: () => void this.#listeners.delete(listener) };
  }

  async close(deadlineMs = 2000): Promise<void> {
    this.#closed = true;
    this.#sleep.wake();
    const client = this.#client;
    if (client !== null) {
      const drained = this.#connected ? client.drain().catch(() => undefined) : Promise.resolve();
      const deadline = createWakeableSleep();
      await Promise.race([drained, deadline.sleep(deadlineMs)]);
      deadline.wake();
      await client.close();
    }
    await this.#running;
  }

  /** The client reconnects by itself; this loop makes the first connection, and a new client should one end. */
  async #run(): Promise<void> {
    const capMs = this.#options.reconnectWaitMsMax ?? 1000;
    for (let attempt = 0; !this.#closed; attempt++) {
      const client = await this.#dial();
      if (client !== null) {
        attempt = 0;
        await this.#serve(client);
      }
      if (this.#closed) return;
      await this.#sleep.sleep(fullJitterMs(this.#random, attempt, 100, capMs));
    }
  }

  async #dial(): Promise<NatsConnection | null> {
    try {
      const client = await connect(clientOptions(this.#options, () => this.#delay.next()));
      if (!this.#closed) return client;
      await client.close();
    } catch (error) {
      this.#emit({ type: 'connect-failed', error });
    }
    return null;
  }

  /** Runs for as long as the client lives. */
  async #serve(client: NatsConnection): Promise<void> {
    this.#client = client;
    for (const registration of this.#registrations) {
      registration.attached = null;
      this.#attach(registration);
    }
    this.#setConnected(true);
    // Not awaited: the client's iterator does not end with the connection.
    this.guard.run('connection status', () => this.#followStatus(client));
    await client.closed();
    this.#setConnected(false);
    this.#client = null;
  }

  async #followStatus(client: NatsConnection): Promise<void> {
    for await (const { type: kind, data } of client.status()) {
      const type = String(kind);
      if (type === DISCONNECT) this.#setConnected(false);
      else if (type === RECONNECT) this.#setConnected(true);
      else if (type === ERROR && typeof data === 'string') {
        this.#emit({ type: 'server-error', code: data });
      }
    }
  }

  #attach(registration: Registration): void {
    const client = this.#client;
    if (client === null || client.isClosed() || client.isDraining()) return;
    const { subject, queue, onMessage } = registration;
    registration.attached = client.subscribe(subject, {
      ...(queue === undefined ? {} : { queue }),
      callback: (error, message) => {
        if (error !== null) return this.#emit({ type: 'server-error', code: error.code });
        this.guard.run(`subscription ${subject}`, () =>
          onMessage({
            subject: message.subject,
            data: message.data,
            respond: (data) =>
              message.reply === undefined ? 'disconnected' : this.publish(message.reply, data),
          }),
        );
      },
    });
  }

  #setConnected(connected: boolean): void {
    if (connected === this.#connected) return;
    this.#connected = connected;
    if (connected) this.#delay.reset();
    this.#emit(
      connected
        ? { type: 'connected', server: this.#client?.getServer() ?? '' }
        : { type: 'disconnected' },
    );
    for (const listener of this.#listeners) {
      this.guard.run('connection listener', () => listener(connected));
    }
  }

  #emit(event: BusEvent): void {
    this.guard.run('onEvent', () => this.#options.onEvent?.(event));
  }
}

function detach(registration: Registration): void {
  const { attached } = registration;
  registration.attached = null;
  if (attached !== null && !attached.isClosed()) attached.unsubscribe();
}

function clientOptions(options: BusOptions, nextDelay: () => number): ConnectionOptions {
  return {
    servers: [...options.servers],
    name: options.name,
    maxReconnectAttempts: -1,
    reconnectDelayHandler: nextDelay,
    // A wrong password can be put right on the server; giving up for ever helps nobody.
    ignoreAuthErrorAbort: true,
    pingInterval: options.pingIntervalMs ?? 5000,
    maxPingOut: 2,
    timeout: 5000,
    noAsyncTraces: true,
    ...(options.user === undefined ? {} : { user: options.user }),
    ...(options.password === undefined ? {} : { pass: options.password }),
    ...(options.token === undefined ? {} : { token: options.token }),
    ...(options.tls === undefined ? {} : { tls: options.tls }),
    ...(options.credentials === undefined
      ? {}
      : { authenticator: credsAuthenticator(new TextEncoder().encode(options.credentials)) }),
  };
}
