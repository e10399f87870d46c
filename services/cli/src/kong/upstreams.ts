import { isIP } from 'node:net';
import { textOf, type KongService, type KongUpstream } from './kong-file.ts';
import type { Notes } from './notes.ts';

const PORT_OF_TARGET = 8000;
const WEIGHT_OF_TARGET = 100;
const WEIGHT_MAX = 1000;

interface EndpointInput {
  readonly host: string;
  readonly port: number;
  readonly weight?: number;
}

/** The upstream of a service, as a bundle has it; null if it cannot have one. */
export function translateService(
  service: KongService,
  path: string,
  upstreams: ReadonlyMap<string, { readonly upstream: KongUpstream; readonly path: string }>,
  notes: Notes,
): object | null {
  const address = addressOf(service);
  if (address === null) {
    notes.lose(path, 'the service has neither url nor host; it is left out');
    return null;
  }
  if (address.protocol !== 'http') {
    notes.lose(
      `${path}.protocol`,
      'endpoints are reached by plain HTTP only; the service is left out',
      address.protocol,
    );
    return null;
  }
  if (address.path !== '/') {
    notes.lose(
      `${path}.path`,
      'no path is put before that of a request; the service is left out',
      address.path,
    );
    // Without it clients would reach all that the endpoints serve.
    return null;
  }
  notes.loseKeys(path, service, ['client_certificate', 'ca_certificates', 'tls_verify']);
  const { connect_timeout: connectMs } = service;
  const own =
    typeof connectMs === 'number' ? { connectTimeoutMs: clamp(connectMs, 50, 60_000) } : {};
  const found = upstreams.get(address.host);
  if (found === undefined) {
    return { ...own, endpoints: [{ host: address.host, port: address.port }] };
  }
  const translated = translateUpstream(found.upstream, found.path, notes);
  return translated === null ? null : { ...own, ...translated };
}

function addressOf({ url, protocol, host, port, path }: KongService) {
  if (typeof url === 'string' && URL.canParse(url)) {
    const parsed = new URL(url);
    const scheme = parsed.protocol.slice(0, -1);
    const portOf = parsed.port === '' ? (scheme === 'https' ? 443 : 80) : Number(parsed.port);
    const name = parsed.hostname.replace(/^\[|\]$/g, '');
    return { protocol: scheme, host: name, port: portOf, path: parsed.pathname };
  }
  if (typeof host !== 'string') return null;
  return { protocol: protocol ?? 'http', host, port: port ?? 80, path: path ?? '/' };
}

function translateUpstream(
  { algorithm, targets, healthchecks, ...rest }: KongUpstream,
  path: string,
  notes: Notes,
): object | null {
  const endpoints = translateTargets(targets ?? []);
  if (endpoints.length === 0) {
    notes.lose(`${path}.targets`, 'no target has a weight above 0: the service is left out');
    return null;
  }
  if (algorithm === 'consistent-hashing') {
    notes.lose(`${path}.algorithm`, 'requests are not spread by a hash', algorithm);
  } else if (algorithm === 'latency') {
    notes.change(`${path}.algorithm`, 'becomes least_request', algorithm);
  }
  notes.loseKeys(path, rest, ['client_certificate', 'host_header']);
  const picker = (algorithm ?? 'round-robin') === 'round-robin' ? 'round_robin' : 'least_request';
  return { picker, endpoints, ...translateCheck(healthchecks, path, notes) };
}

/** Weights go up to 65,535 there and 1,000 here: larger ones are scaled down together. */
function translateTargets(targets: NonNullable<KongUpstream['targets']>): EndpointInput[] {
  const weighed = targets
    .map(({ target, weight }) => ({ ...endpointOf(target), weight: weight ?? WEIGHT_OF_TARGET }))
    .filter(({ weight }) => weight > 0);
  const heaviest = Math.max(WEIGHT_MAX, ...weighed.map(({ weight }) => weight));
  return weighed.map(({ weight, ...endpoint }) => ({
    ...endpoint,
    weight: Math.max(1, Math.round((weight * WEIGHT_MAX) / heaviest)),
  }));
}

/** `host:port`, `[::1]:port` or a host alone. */
function endpointOf(target: string): { readonly host: string; readonly port: number } {
  const [, bracketed, plain, port] = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d+))?$/.exec(target) ?? [];
  if (isIP(target) === 6) return { host: target, port: PORT_OF_TARGET };
  return { host: bracketed ?? plain ?? target, port: Number(port ?? PORT_OF_TARGET) };
}

function translateCheck(healthchecks: unknown, path: string, notes: Notes): object {
  const active = child(healthchecks, 'active');
  const [healthy, unhealthy] = [child(active, 'healthy'), child(active, 'unhealthy')];
  const seconds = Number(healthy['interval'] ?? 0) || Number(unhealthy['interval'] ?? 0);
  if (seconds <= 0) return {};
  const type = textOf(active['type'], 'http');
  if (type !== 'http' && type !== 'tcp') {
    notes.lose(`${path}.healthchecks.active.type`, 'probes are http or tcp', type);
    return {};
  }
  const timeoutMs = clamp(Number(active['timeout'] ?? 1) * 1000, 50, 60_000);
  const count = (value: unknown) => clamp(Number(value ?? 2) || 2, 1, 20);
  return {
    healthCheck: {
      ...{ type, intervalMs: clamp(seconds * 1000, 100, 300_000), timeoutMs },
      ...(type === 'http' ? { path: textOf(active['http_path'], '/') } : {}),
      healthyThreshold: count(healthy['successes']),
      unhealthyThreshold: count(unhealthy['http_failures']),
    },
  };
}

function child(value: unknown, key: string): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) return {};
  const found: unknown = Object.entries(value).find(([name]) => name === key)?.[1];
  return typeof found === 'object' && found !== null ? { ...found } : {};
}

/** A whole number within the bounds of a bundle. */
export function clamp(value: number, min: number, max: number): number {
  return Math.min(max, Math.max(min, Math.round(value)));
}
