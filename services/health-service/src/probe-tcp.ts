import { connect } from 'node:net';
import type { GuardedLookup } from '@headgate/runtime';
import { failureOf, type Probe, type ProbeOutcome } from './probe.ts';

/** Probes with a connection that is closed as soon as it stands; no byte is sent. */
export const createTcpProbe =
  (lookup?: GuardedLookup): Probe =>
  ({ host, port, check }, signal) =>
    new Promise<ProbeOutcome>((resolve) => {
      const socket = connect({ host, port, signal, ...(lookup === undefined ? {} : { lookup }) });
      socket.once('connect', () => {
        socket.destroy();
        resolve({ result: 'success', reason: 'connected' });
      });
      socket.once('error', (error) => {
        // An abort arrives wrapped: the signal's own reason tells a timeout from a shutdown.
        resolve(failureOf(error.name === 'AbortError' ? error.cause : error, check.timeoutMs));
      });
    });
