import { isIP } from 'node:net';
import { z } from 'zod';
import {
  DisplayName,
  durationMs,
  isDnsName,
  isHostName,
  PathPattern,
  SharedUpstreamId,
  UpstreamId,
} from './primitives.ts';

/** One backend address. Its id is `host:port`. */
export const Endpoint = z
  .strictObject({
    host: z
      .string()
      .max(253)
      .refine(isEndpointHost, {
        error:
          'must be an IP address (IPv6 without brackets and zone) or a lower-case host name that does not end in a number',
      })
      .describe('IP address or host name.'),
    port: z.int().min(1).max(65_535),
    weight: z.int().min(1).max(1000).default(1).describe('Share of the traffic, relative.'),
  })
  .describe('A backend address.');
export type Endpoint = z.infer<typeof Endpoint>;

/**
 * Resolvers take `127.1`, `1` and `0x7f000001` for IPv4 addresses, so a name that ends in a number is none (as in the URL
 * standard, host parsing, "ends in a number").
 */
function isEndpointHost(text: string): boolean {
  if (isIP(text) !== 0) return !text.includes('%');
  return isDnsName(text) && !/(?:^|\.)(?:\d+|0x[0-9a-f]*)$/.test(text);
}

/** How the health-service probes each endpoint. */
export const HealthCheck = z
  .strictObject({
    type: z.enum(['http', 'tcp']).default('http'),
    path: PathPattern.default('/').describe('Path of the GET request (http only).'),
    host: z
      .string()
      .refine(isHostName, { error: 'must be a lower-case host name without port' })
      .optional()
      .describe('Host header of the request (http only); default: the endpoint.'),
    intervalMs: durationMs(100, 300_000)
      .default(2000)
      .describe('Time between probes of an endpoint.'),
    timeoutMs: durationMs(50, 60_000).default(1000).describe('A slower answer is a failure.'),
    healthyThreshold: z
      .int()
      .min(1)
      .max(20)
      .default(2)
      .describe('Successes in a row to turn healthy.'),
    unhealthyThreshold: z
      .int()
      .min(1)
      .max(20)
      .default(2)
      .describe('Failures in a row to turn unhealthy.'),
    expectedStatuses: z
      .array(z.int().min(100).max(599))
      .max(32)
      .default([])
      .describe('Statuses that count as success (http only); default: 200 to 399.'),
  })
  .describe('Active health check.');
export type HealthCheck = z.infer<typeof HealthCheck>;

/** What an operator writes for an upstream. */
export const UpstreamSpec = z
  .strictObject({
    name: DisplayName.optional(),
    picker: z
      .enum(['round_robin', 'least_request'])
      .default('least_request')
      .describe('Load-balancing algorithm; least_request compares two random endpoints (P2C).'),
    endpoints: z.array(Endpoint).min(1).max(1024),
    healthCheck: HealthCheck.optional().describe('Without it endpoints are taken to be healthy.'),
    connectTimeoutMs: durationMs(50, 60_000).default(1000),
    connectionsMax: z
      .int()
      .min(1)
      .max(65_535)
      .default(1024)
      .describe('Connections per endpoint and edge worker.'),
    pendingMax: z
      .int()
      .min(0)
      .max(65_535)
      .default(1024)
      .describe('Requests per edge worker that may wait for a connection.'),
    idleTimeoutMs: durationMs(1000, 3_600_000)
      .default(30_000)
      .describe('Idle kept-alive connections are closed after this time.'),
  })
  .superRefine((upstream, context) => {
    const seen = new Set<string>();
    upstream.endpoints.forEach((endpoint, index) => {
      const id = endpointId(endpoint);
      if (seen.has(id)) {
        context.addIssue({
          code: 'custom',
          path: ['endpoints', index],
          message: `endpoint ${id} is listed twice; list it once and set its weight`,
          input: id,
        });
      }
      seen.add(id);
    });
  })
  .describe('A named group of endpoints.');
export type UpstreamSpec = z.infer<typeof UpstreamSpec>;

export const Upstream = UpstreamSpec.safeExtend({ id: UpstreamId });
export type Upstream = z.infer<typeof Upstream>;

/** An upstream of the platform's, which routes of all tenants can be given. */
export const SharedUpstream = UpstreamSpec.safeExtend({ id: SharedUpstreamId });
export type SharedUpstream = z.infer<typeof SharedUpstream>;

/** Id of an endpoint within its upstream: `host:port`, IPv6 in brackets. */
export function endpointId(endpoint: Pick<Endpoint, 'host' | 'port'>): string {
  const host = endpoint.host.includes(':') ? `[${endpoint.host}]` : endpoint.host;
  return `${host}:${endpoint.port}`;
}
