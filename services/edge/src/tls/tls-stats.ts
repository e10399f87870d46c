/** Plain counters of handshakes, for metrics. */
export interface TlsStats {
  /** Handshakes under way. */
  open: number;
  ok: number;
  /** No certificate is there for the name. */
  unknownName: number;
  /** The certificate for the name cannot be used. */
  unusable: number;
  /** It was no TLS, or the two sides share no version or cipher, or the client did not like the certificate. */
  failed: number;
  /** The client closed before the end. */
  closed: number;
  timeout: number;
  /** Refused at once: too many were under way. */
  refused: number;
}

/** All counters at 0. */
export function createTlsStats(): TlsStats {
  return {
    open: 0,
    ok: 0,
    unknownName: 0,
    unusable: 0,
    failed: 0,
    closed: 0,
    timeout: 0,
    refused: 0,
  };
}
