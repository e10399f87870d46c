import { isSet, textOf, type KongPlugin } from './kong-file.ts';
import type { Notes } from './notes.ts';

/** A plugin and where it stands in the file. */
export interface PlacedPlugin {
  readonly path: string;
  readonly plugin: KongPlugin;
}

/** A limit of a bundle. */
export type LimitInput = Readonly<Record<string, unknown>>;

/** What plugins mean for the routes, the tenant or the key that they are on. */
export interface PluginEffect {
  /** Whether a key is asked for. */
  readonly needsKey: boolean;
  /** Whether one that is not translated may decide what passes: what it is on must not be without it. */
  readonly isGuarded: boolean;
  readonly limits: readonly LimitInput[];
}

/** Without these, which watch, keep answers or limit, the same clients reach the same things. Of others nobody knows. */
const NO_GUARDS: ReadonlySet<string> = new Set([
  ...['prometheus', 'opentelemetry', 'zipkin', 'datadog', 'statsd', 'correlation-id'],
  ...['file-log', 'http-log', 'tcp-log', 'udp-log', 'syslog', 'loggly', 'kafka-log'],
  ...['cors', 'proxy-cache', 'rate-limiting', 'rate-limiting-advanced', 'response-ratelimiting'],
]);

const WINDOWS_MS = { second: 1000, minute: 60_000, hour: 3_600_000, day: 86_400_000 } as const;
const PER: Readonly<Record<string, 'consumer' | 'client-ip' | null>> = {
  consumer: 'consumer',
  credential: 'consumer',
  ip: 'client-ip',
  service: null,
};

/** Translates plugins that stand at one place. @param isOfKey they are a consumer's: its keys count for themselves. */
export function translatePlugins(
  plugins: readonly PlacedPlugin[],
  notes: Notes,
  isOfKey = false,
): PluginEffect {
  let [needsKey, isGuarded] = [false, false];
  const limits: LimitInput[] = [];
  for (const { path, plugin } of plugins) {
    if (plugin.enabled === false) continue;
    notes.loseKeys(path, plugin, ['_config']);
    const { name, config } = plugin;
    const isForAll = isForAllOfPlace(plugin, isOfKey);
    if (name === 'key-auth' && isForAll && !isOfKey) {
      needsKey = true;
      checkKeyAuth(path, config ?? {}, notes);
    } else if (name === 'rate-limiting' && isForAll) {
      limits.push(...translateRateLimiting(path, config ?? {}, notes, isOfKey));
    } else if (name === 'rate-limiting') {
      notes.lose(path, 'no limit is for some consumers at some places alone; it is left out', name);
    } else if (NO_GUARDS.has(name)) {
      notes.lose(path, 'no plugin of this name is translated', name);
    } else {
      isGuarded = true;
      const what = isOfKey ? 'keys of the consumer' : 'routes under it';
      const rule = `is not translated, and may decide what passes: the ${what} are left out`;
      notes.lose(path, rule, name);
    }
  }
  return { needsKey, isGuarded, limits };
}

/** One that names a consumer and a service is for the requests of both; here each place stands for itself. */
function isForAllOfPlace(plugin: KongPlugin, isOfKey: boolean): boolean {
  const { service, route, consumer, consumer_group: group } = plugin;
  return ![...(isOfKey ? [service, route] : [consumer]), group].some(isSet);
}

function checkKeyAuth(path: string, config: Readonly<Record<string, unknown>>, notes: Notes): void {
  notes.change(path, 'clients send their keys in X-API-Key, or as a bearer token');
  if (typeof config['anonymous'] === 'string' && config['anonymous'] !== '') {
    notes.lose(`${path}.config.anonymous`, 'a request without a key is refused');
  }
}

function translateRateLimiting(
  path: string,
  config: Readonly<Record<string, unknown>>,
  notes: Notes,
  isOfKey: boolean,
): LimitInput[] {
  const by = textOf(config['limit_by'], 'consumer');
  const per = isOfKey ? null : PER[by];
  if (per === undefined) {
    notes.lose(
      `${path}.config.limit_by`,
      'limits count per consumer, per client-ip or together',
      by,
    );
    return [];
  }
  const units = [...Object.keys(WINDOWS_MS), 'month', 'year'].filter((unit) => isSet(config[unit]));
  if (units.length === 0) notes.lose(path, 'names no limit here; it is left out');
  for (const unit of units) {
    if (typeof config[unit] !== 'number') {
      notes.lose(`${path}.config.${unit}`, 'is not a number; it is left out', config[unit]);
    }
  }
  const who = per === null ? {} : { per };
  const limits: LimitInput[] = Object.entries(WINDOWS_MS).flatMap(([unit, windowMs]) => {
    const limit = config[unit];
    return typeof limit === 'number' ? [{ name: `kong-${unit}`, limit, windowMs, ...who }] : [];
  });
  const { month, year } = config;
  if (typeof month === 'number' && per === null) {
    limits.push({ name: 'kong-month', kind: 'quota', limit: month, period: 'month' });
  } else if (typeof month === 'number') {
    notes.lose(`${path}.config.month`, `a limit per ${per} spans at most a day`, month);
  }
  if (typeof year === 'number') notes.lose(`${path}.config.year`, 'no limit spans a year', year);
  return limits;
}
