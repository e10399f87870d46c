import {
  createFaultProxy,
  type ChunkEdit,
  type FaultProxy,
  type FlowDirection,
} from '@headgate/testkit';
import { NatsFrames } from './nats-frames.ts';

/** What happens to one message. `late`: it comes after the next one. */
export type MessageFault = 'lost' | 'doubled' | 'late';

/** Which message something happens to. */
export interface ArmedFault {
  readonly kind: MessageFault;
  readonly direction: FlowDirection;
  /** Counted from 1, from now on. */
  readonly nth: number;
}

/**
 * The way of one component to NATS, which can be cut, led elsewhere, and lose, double or delay single messages. Whoever
 * opens it closes it.
 */
export class NatsLink {
  readonly proxy: FaultProxy;
  readonly #target: { port: number };
  readonly #watched: WatchedMessages;

  private constructor(proxy: FaultProxy, target: { port: number }, watched: WatchedMessages) {
    this.proxy = proxy;
    this.#target = target;
    this.#watched = watched;
  }

  static async open(natsPort: number): Promise<NatsLink> {
    const target = { port: natsPort };
    const watched = new WatchedMessages();
    const proxy = await createFaultProxy({
      get port() {
        return target.port;
      },
      edit: (direction) => watched.edit(direction),
    });
    return new NatsLink(proxy, target, watched);
  }

  get url(): string {
    return `nats://127.0.0.1:${this.proxy.port}`;
  }

  /** Messages since the start, by direction. */
  get passed(): Readonly<Record<FlowDirection, number>> {
    return { ...this.#watched.passed };
  }

  /** Sets up one fault in place of any other. */
  arm(fault: ArmedFault): void {
    this.#watched.arm(fault);
  }

  /** The subject of the message that the fault met; null if it has met none yet. No message is harmed from now on. */
  disarm(): string | null {
    return this.#watched.disarm();
  }

  /** Ends all connections; the next ones go to another server. */
  leadTo(natsPort: number): void {
    this.#target.port = natsPort;
    this.proxy.cut();
  }

  close(): Promise<void> {
    return this.proxy.close();
  }
}

/** Counts messages, and harms one of them. */
class WatchedMessages {
  readonly passed: Record<FlowDirection, number> = { toServer: 0, toClient: 0 };
  #fault: ArmedFault | null = null;
  #left = 0;
  #met: string | null = null;

  arm(fault: ArmedFault): void {
    this.#fault = fault;
    this.#left = fault.nth;
    this.#met = null;
  }

  disarm(): string | null {
    this.#fault = null;
    return this.#met;
  }

  edit(direction: FlowDirection): ChunkEdit {
    const frames = new NatsFrames();
    /** A message that waits for the one after it. */
    let held: Buffer | null = null;
    return (chunk) => {
      const out: Buffer[] = [];
      for (const { bytes, subject } of frames.push(chunk)) {
        const fault = subject === null ? null : this.#faultFor(direction, subject);
        if (fault === 'lost') continue;
        if (fault === 'late') {
          held = Buffer.from(bytes);
          continue;
        }
        out.push(bytes);
        if (fault === 'doubled') out.push(bytes);
        if (held === null || subject === null) continue;
        out.push(held);
        held = null;
      }
      return Buffer.concat(out);
    };
  }

  #faultFor(direction: FlowDirection, subject: string): MessageFault | null {
    this.passed[direction] += 1;
    if (this.#fault?.direction !== direction || this.#left === 0) return null;
    this.#left -= 1;
    if (this.#left > 0) return null;
    this.#met = subject;
    return this.#fault.kind;
  }
}
