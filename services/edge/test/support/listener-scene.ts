import assert from 'node:assert/strict';
import { DEFAULT_HTTP1_LIMITS, HostCache } from '@headgate/http1';
import { DeadlineSweeper, systemClock } from '@headgate/runtime';
import { createWorkerMetrics, startTracing } from '@headgate/telemetry';
import { waitFor } from '@headgate/testkit';
import type { DownstreamSettings } from '../../src/downstream/downstream-deps.ts';
import { Listener, type ListenerSettings } from '../../src/downstream/listener.ts';
import { HeldClock } from '../../src/io/held-clock.ts';
import { ReadBuffers } from '../../src/io/read-buffers.ts';
import type { Exchange } from '../../src/request/exchange.ts';
import { compileForwardingRules } from '../../src/request/forwarded-head.ts';
import { localReply } from '../../src/request/local-reply.ts';
import { Recorder } from '../../src/stages/record.ts';

/** Of a scene, unless it says otherwise. */
export const HEADER_TIMEOUT_MS = 400;

/** A listener within the test's process, and what it does. */
export interface ListenerScene {
  readonly port: number;
  readonly listener: Listener;
  readonly recorder: Recorder;
  readonly sweeper: DeadlineSweeper;
  readonly bugs: unknown[];
  /** Access records as they were written. */
  readonly records: Record<string, unknown>[];
}

/** Settings that differ from short ones; `handle` answers 404 unless given. */
export interface SceneOptions extends Partial<DownstreamSettings>, Partial<ListenerSettings> {
  readonly handle?: (exchange: Exchange) => void;
  readonly letsGo?: () => boolean;
  readonly overloaded?: () => boolean;
}

/** Runs `work` against a listener that answers 404 itself; afterwards nothing may be left over. */
export async function withListener(
  options: SceneOptions,
  work: (scene: ListenerScene) => Promise<void>,
): Promise<void> {
  const records: Record<string, unknown>[] = [];
  const bugs: unknown[] = [];
  const clock = systemClock;
  const sweeper = new DeadlineSweeper({
    now: () => clock.monotonicMs(),
    tickMs: 20,
    onError: (error) => bugs.push(error),
  });
  sweeper.start();
  const accessLog = {
    write: (line: string) => records.push(JSON.parse(line) as Record<string, unknown>) > 0,
    droppedRecords: () => 0,
    flush: () => Promise.resolve(true),
  };
  const tracing = await startTracing({
    service: 'test',
    nodeId: 'test',
    version: '0',
    environment: {},
    onError: (error) => bugs.push(error),
  });
  const recorder = new Recorder({
    clock,
    accessLog,
    nodeId: 'test',
    metrics: createWorkerMetrics(),
    tracing,
  });
  let ids = 0;
  const { handle, letsGo, overloaded, host, port, connectionsMax, ...others } = options;
  const { connectionsPerAddressMax, connectionsWithinFds, ...settings } = others;
  const listener = new Listener(
    {
      host: host ?? '127.0.0.1',
      port: port ?? 0,
      connectionsMax: connectionsMax ?? 100,
      connectionsPerAddressMax: connectionsPerAddressMax ?? 100,
      connectionsWithinFds: connectionsWithinFds ?? Infinity,
    },
    {
      settings: {
        http1: DEFAULT_HTTP1_LIMITS,
        headerTimeoutMs: HEADER_TIMEOUT_MS,
        keepAliveTimeoutMs: 600,
        lingerMs: 100,
        stashBytesMax: 65_536,
        proxyProtocol: false,
        discardBytesMax: 65_536,
        clientBytesPerSecondMin: 1000,
        bodyStallMs: 400,
        writeStallMs: 600,
        requestsPerConnectionMax: Infinity,
        ...settings,
      },
      buffers: new ReadBuffers(),
      sweeper,
      hosts: new HostCache(),
      clock: new HeldClock(clock),
      recorder,
      limiter: {
        release: () => undefined,
        takeBytes: () => assert.fail('no limit counts bytes'),
        returnBytes: () => undefined,
      },
      tally: { note: () => undefined, giveBack: () => undefined },
      shadows: { evaluate: () => undefined },
      limitHeaders: () => '',
      forwarding: compileForwardingRules('x-tenant-id'),
      dateLine: () => 'Date: Sat, 01 Jan 2000 00:00:00 GMT\r\n',
      isTrusted: (address) => address === '192.0.2.1',
      draining: () => false,
      overloaded: overloaded ?? (() => false),
      mayGoOn: () => true,
      letsGo: letsGo ?? (() => false),
      nextRequestId: () => String((ids += 1)),
      handle: handle ?? ((exchange) => exchange.answer(localReply('HG_TENANT_UNKNOWN'))),
      onBug: (error) => bugs.push(error),
    },
  );
  const scene = { port: await listener.listen(), listener, recorder, sweeper, bugs, records };
  try {
    await work(scene);
    await waitFor(() => listener.openConnections === 0, { message: 'all connections to end' });
    assert.deepEqual([sweeper.size, recorder.activeRequests], [0, 0]);
  } finally {
    await listener.stopAccepting();
    await listener.drain(0);
    sweeper.stop();
    await tracing.shutdown();
  }
}
