import { isRecord } from './is-record.ts';
import { limitSpan } from './limit-span.ts';
import type { Resource } from './replies.ts';

/** A column of a table of resources. */
export interface Column {
  readonly title: string;
  cell(resource: Resource): string;
}

/** A kind of resource that `headgate get` shows. */
export interface ResourceKind {
  /** As in the REST API: `api-keys`. */
  readonly name: string;
  /** Further names: singular, short. */
  readonly aliases: readonly string[];
  /** Where it lies: at the top, below a tenant, or either. */
  readonly place: 'platform' | 'tenant' | 'either';
  /** Query parameters that narrow its list. */
  readonly filters: readonly string[];
  readonly columns: readonly Column[];
}

const id: Column = { title: 'ID', cell: (resource) => resource.id };
const revision: Column = field('REVISION', 'revision');

/** Every kind, in the order of the help text. */
const RESOURCE_KINDS: readonly ResourceKind[] = [
  {
    name: 'plans',
    aliases: ['plan'],
    place: 'platform',
    filters: [],
    columns: [
      id,
      field('NAME', 'name'),
      limits('LIMITS', 'limits'),
      limits('KEY LIMITS', 'keyLimits'),
      revision,
    ],
  },
  {
    name: 'tenants',
    aliases: ['tenant'],
    place: 'platform',
    filters: ['label', 'status', 'planId', 'host'],
    columns: [
      id,
      field('PLAN', 'planId'),
      field('STATUS', 'status'),
      { title: 'RECOGNISED BY', cell: (tenant) => describeIdentity(tenant['identity']) },
      limits('LIMITS', 'limits'),
      revision,
    ],
  },
  {
    name: 'upstreams',
    aliases: ['upstream'],
    place: 'either',
    filters: ['host'],
    columns: [
      id,
      field('PICKER', 'picker'),
      { title: 'ENDPOINTS', cell: (upstream) => describeEndpoints(upstream['endpoints']) },
      { title: 'HEALTH CHECK', cell: (upstream) => describeHealthCheck(upstream['healthCheck']) },
      revision,
    ],
  },
  {
    name: 'routes',
    aliases: ['route'],
    place: 'tenant',
    filters: ['upstreamId', 'sharedUpstreamId', 'auth'],
    columns: [
      id,
      { title: 'MATCH', cell: (route) => describeMatch(route['match']) },
      { title: 'UPSTREAM', cell: describeTarget },
      field('AUTH', 'auth'),
      limits('LIMITS', 'limits'),
      revision,
    ],
  },
  {
    name: 'jwt-issuers',
    aliases: ['jwt-issuer', 'jwtissuers', 'jwtissuer', 'issuers', 'issuer'],
    place: 'tenant',
    filters: [],
    columns: [
      id,
      field('ISSUER', 'issuer'),
      { title: 'AUDIENCES', cell: (issuer) => joined(strings(issuer['audiences'])) },
      { title: 'ALGORITHMS', cell: (issuer) => joined(strings(issuer['algorithms'])) },
      { title: 'KEYS', cell: describeKeys },
      revision,
    ],
  },
  {
    name: 'api-keys',
    aliases: ['api-key', 'apikeys', 'apikey', 'keys', 'key'],
    place: 'tenant',
    filters: [],
    columns: [
      id,
      field('NAME', 'name'),
      { title: 'KEY', cell: (key) => (text(key['hint']) === '-' ? '-' : `${text(key['hint'])}…`) },
      field('EXPIRES', 'expiresAt'),
      limits('LIMITS', 'limits'),
      revision,
    ],
  },
  {
    name: 'certificates',
    aliases: ['certificate', 'certs', 'cert'],
    place: 'tenant',
    filters: [],
    columns: [
      id,
      { title: 'SERVES', cell: (certificate) => joined(strings(certificate['hosts'])) },
      field('EXPIRES', 'notAfter'),
      field('SUBJECT', 'subject'),
      revision,
    ],
  },
];

/** Names of all kinds, in the order of the help text. */
export const KIND_NAMES: readonly string[] = RESOURCE_KINDS.map(({ name }) => name);

/** Finds a kind by its name or an alias; null if there is none. */
export function findResourceKind(name: string): ResourceKind | null {
  const wanted = name.toLowerCase();
  return (
    RESOURCE_KINDS.find((kind) => kind.name === wanted || kind.aliases.includes(wanted)) ?? null
  );
}

function field(title: string, key: string): Column {
  return { title, cell: (resource) => text(resource[key]) };
}

function limits(title: string, key: string): Column {
  return {
    title,
    cell: (resource) =>
      joined(
        records(resource[key]).map(
          (limit) => `${text(limit['name'])} ${text(limit['limit'])}${limitSpan(limit, duration)}`,
        ),
      ),
  };
}

function describeIdentity(value: unknown): string {
  if (!isRecord(value)) return '-';
  return joined([
    ...strings(value['hosts']),
    ...strings(value['pathPrefixes']),
    ...strings(value['headerValues']).map((header) => `header ${header}`),
  ]);
}

function describeEndpoints(value: unknown): string {
  return joined(
    records(value).map((endpoint) => {
      const weight = endpoint['weight'] === 1 ? '' : ` ×${text(endpoint['weight'])}`;
      return `${text(endpoint['host'])}:${text(endpoint['port'])}${weight}`;
    }),
  );
}

function describeHealthCheck(value: unknown): string {
  if (!isRecord(value)) return '-';
  const path = value['type'] === 'http' ? ` ${text(value['path'])}` : '';
  return `${text(value['type'])}${path} every ${duration(value['intervalMs'])}`;
}

/** `api`, or `mail (shared)`. */
function describeTarget(route: Resource): string {
  const shared = route['sharedUpstreamId'];
  return shared === undefined ? text(route['upstreamId']) : `${text(shared)} (shared)`;
}

/** Where they are fetched, or how many there are. */
function describeKeys({ jwks, jwksUri }: Resource): string {
  if (jwksUri !== undefined) return text(jwksUri);
  return isRecord(jwks) ? `${records(jwks['keys']).length} inline` : '-';
}

function describeMatch(value: unknown): string {
  if (!isRecord(value)) return '-';
  const path = isRecord(value['path']) ? value['path'] : {};
  const pattern = path['exact'] === undefined ? `${text(path['prefix'])}*` : text(path['exact']);
  const parts = [strings(value['methods']).join('|'), strings(value['hosts']).join('|') + pattern];
  return parts.filter((part) => part !== '').join(' ');
}

/** 60000 → `1m`; the largest unit that divides it. */
function duration(value: unknown): string {
  const ms = Number(value);
  const units = [
    [86_400_000, 'd'],
    [3_600_000, 'h'],
    [60_000, 'm'],
    [1000, 's'],
  ] as const;
  const unit = units.find(([size]) => ms > 0 && ms % size === 0);
  return unit === undefined ? `${text(value)}ms` : `${ms / unit[0]}${unit[1]}`;
}

function joined(parts: readonly string[]): string {
  if (parts.length === 0) return '-';
  const shown = parts.slice(0, 3).join(', ');
  return parts.length > 3 ? `${shown} +${parts.length - 3}` : shown;
}

function text(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '-';
}

function strings(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
}

function records(value: unknown): Record<string, unknown>[] {
  return Array.isArray(value) ? value.filter(isRecord) : [];
}
