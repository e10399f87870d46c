import { connect } from 'node:net';
import { failureOf, type Probe, type ProbeOutcome } from './probe.ts';

/** Probes with a connection that is closed as soon as it stands; no byte is sent. */
export const probeTcp: Probe = ({ host, port, check }, signal) =>
  new Promise<ProbeOutcome>((resolve) => {
    const socket = connect({ host, port, signal });
    socket.once('connect', () => {
      socket.destroy();
      resolve({ result: 'success', reason: 'connected' });
    });
    socket.once('error', (error) => {
      // An abort arrives wrapped: the signal's own reason tells a timeout from a shutdown.
      resolve(failureOf(error.name === 'AbortError' ? error.cause : error, check.timeoutMs));
    });
  });
