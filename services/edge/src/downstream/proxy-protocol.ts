/** First bytes of every PROXY protocol v2 header. */
const SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
const FIXED_BYTES = 16;

/** Address block and TLVs that are accepted; load balancers send 12 to about 200 bytes. */
const PAYLOAD_BYTES_MAX = 1024;

const COMMAND_LOCAL = 0x20;
const COMMAND_PROXY = 0x21;
/** The load balancer cannot say who the client is. */
const UNSPECIFIED = 0x00;
const TCP_OVER_IPV4 = 0x11;
const TCP_OVER_IPV6 = 0x21;

/** Two addresses and two ports. */
const IPV4_BLOCK_BYTES = 12;
const IPV6_BLOCK_BYTES = 36;
const TLV_HEAD_BYTES = 3;

/** A header that was read. */
export interface ProxyHeader {
  /** Length of the whole header. */
  readonly bytes: number;
  /** Address of the client; null for the load balancer's own connections (health checks). */
  readonly address: string | null;
}

/**
 * Reads the PROXY protocol v2 header at the start of a connection (haproxy.org, "The PROXY protocol", section 2.2).
 * Version 1 and anything else is invalid: a listener either has the protocol or it has not.
 */
export function parseProxyHeader(
  chunk: Buffer,
  start: number,
  end: number,
): ProxyHeader | 'incomplete' | 'invalid' {
  const available = end - start;
  const compared = Math.min(available, SIGNATURE.length);
  if (SIGNATURE.compare(chunk, start, start + compared, 0, compared) !== 0) return 'invalid';
  if (available < FIXED_BYTES) return 'incomplete';
  const command = chunk.readUInt8(start + 12);
  const family = chunk.readUInt8(start + 13);
  const payloadBytes = chunk.readUInt16BE(start + 14);
  if (command !== COMMAND_LOCAL && command !== COMMAND_PROXY) return 'invalid';
  if (payloadBytes > PAYLOAD_BYTES_MAX) return 'invalid';
  if (available < FIXED_BYTES + payloadBytes) return 'incomplete';
  const bytes = FIXED_BYTES + payloadBytes;
  if (command === COMMAND_LOCAL || family === UNSPECIFIED) return { bytes, address: null };
  const payload = chunk.subarray(start + FIXED_BYTES, start + bytes);
  if (family === TCP_OVER_IPV4 && hasValidTlvs(payload, IPV4_BLOCK_BYTES)) {
    return { bytes, address: payload.subarray(0, 4).join('.') };
  }
  if (family === TCP_OVER_IPV6 && hasValidTlvs(payload, IPV6_BLOCK_BYTES)) {
    return { bytes, address: ipv6Text(payload) };
  }
  return 'invalid';
}

/** Whether the address block is whole and type-length-value fields (section 2.2.1) fill the rest exactly. */
function hasValidTlvs(payload: Buffer, addressBytes: number): boolean {
  let at = addressBytes;
  while (at + TLV_HEAD_BYTES <= payload.length) at += TLV_HEAD_BYTES + payload.readUInt16BE(at + 1);
  return at === payload.length;
}

function ipv6Text(payload: Buffer): string {
  const groups: string[] = [];
  for (let offset = 0; offset < 16; offset += 2)
    groups.push(payload.readUInt16BE(offset).toString(16));
  const mapped = groups.slice(0, 6).join(':') === '0:0:0:0:0:ffff';
  if (mapped) return payload.subarray(12, 16).join('.');
  // The URL parser writes addresses as RFC 5952 says; this runs once per connection.
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1);
}
