import { translateConsumers } from './consumers.ts';
import { isSet, type KongFile } from './kong-file.ts';
import { Notes, type Note } from './notes.ts';
import { translatePlugins, type PlacedPlugin, type PluginEffect } from './plugins.ts';
import { isGlobal, isOf, loseStrays, placed, pluginsOfGroups, routesOf } from './references.ts';
import { translateRoute, type TranslatedRoute } from './routes.ts';
import { wouldUncover, type ProtectedRoute } from './uncovered.ts';
import { translateService } from './upstreams.ts';

/** A bundle made out of a file of Kong. */
export interface Translation {
  /** Not yet checked: the names in the file may not fit. */
  readonly bundle: object;
  /** All that has no exact counterpart, with its place in the file. */
  readonly notes: readonly Note[];
}

const NOT_TRANSLATED = [
  ...[
    'certificates',
    'ca_certificates',
    'snis',
    'vaults',
    'consumer_groups',
    'basicauth_credentials',
  ],
  ...['jwt_secrets', 'hmacauth_credentials', 'oauth2_credentials', 'acls', 'mtls_auth_credentials'],
];

/**
 * Makes one tenant out of a declarative file of Kong: services with their upstreams, routes, keys, and what the plugins
 * key-auth and rate-limiting say.
 *
 * @param tenantId the tenant, on the plan `planId`, which must be there.
 */
export function translateKong(file: KongFile, tenantId: string, planId: string): Translation {
  const notes = new Notes();
  notes.loseKeys('', file, NOT_TRANSLATED);
  const plugins = (file.plugins ?? []).map((plugin, index) => ({
    path: `plugins[${index}]`,
    plugin,
  }));
  loseStrays(file, plugins, notes);
  const everywhere = translatePlugins(
    [...plugins.filter(({ plugin }) => isGlobal(plugin)), ...pluginsOfGroups(file)],
    notes,
  );
  const { upstreams, routes } = translateServices(file, plugins, everywhere, notes);
  const hosts = [...new Set(routes.flatMap((route) => route.hosts))];
  if (hosts.length === 0) notes.lose('', 'no route names a host: give the tenant hosts of its own');
  const tenant = {
    planId,
    identity: { hosts },
    limits: everywhere.limits,
    upstreams,
    routes: Object.fromEntries(routes.map(({ id, spec }) => [id, spec])),
    apiKeys: translateConsumers(file, plugins, notes),
  };
  return {
    bundle: { apiVersion: 'headgate/v1', tenants: { [tenantId]: tenant } },
    notes: notes.all,
  };
}

function translateServices(
  file: KongFile,
  plugins: readonly PlacedPlugin[],
  everywhere: PluginEffect,
  notes: Notes,
) {
  const known = new Map(
    (file.upstreams ?? []).map((upstream, index) => [
      upstream.name,
      { upstream, path: `upstreams[${index}]` },
    ]),
  );
  const upstreams: Record<string, object> = {};
  const routes: RouteResult[] = [];
  for (const [index, service] of (file.services ?? []).entries()) {
    const path = `services[${index}]`;
    if (service.enabled === false) {
      notes.change(path, 'is not enabled, and is left out', service.name ?? undefined);
      continue;
    }
    const upstream = translateService(service, path, known, notes);
    if (upstream === null) continue;
    const upstreamId = notes.id('upstream', service.name ?? `service-${index + 1}`);
    upstreams[upstreamId] = upstream;
    const own = placed(
      service.plugins,
      path,
      plugins,
      (plugin) => isOf(plugin.service, service) && !isSet(plugin.route),
    );
    const ofService = translatePlugins(own, notes);
    const reached = routesOf(file, service, path);
    if (ofService.limits.length > 0 && reached.length > 1) {
      notes.change(
        path,
        'a limit of the service becomes one of each of its routes, which count for themselves',
      );
    }
    for (const { route, path: routePath } of reached) {
      const ofRoute = translatePlugins(
        placed(route.plugins, routePath, plugins, (plugin) => isOf(plugin.route, route)),
        notes,
      );
      const places = [everywhere, ofService, ofRoute];
      const isGuarded = places.some((place) => place.isGuarded);
      const needsKey = places.some((place) => place.needsKey);
      const limits = [...ofService.limits, ...ofRoute.limits];
      const surroundings = { service, upstreamId, needsKey, limits };
      const become = isGuarded ? [] : translateRoute(route, routePath, surroundings, notes);
      routes.push({ route, path: routePath, service, needsKey, isGuarded, become });
    }
  }
  return { upstreams, routes: keepCovered(routes, notes) };
}

/** A route and what became of it: nothing if it is left out. */
interface RouteResult extends ProtectedRoute {
  readonly path: string;
  readonly become: readonly TranslatedRoute[];
}

/** Without those that would take what a protected route took which is left out, or a path of it. */
function keepCovered(routes: readonly RouteResult[], notes: Notes): TranslatedRoute[] {
  const isLeft = ({ route, become }: RouteResult) =>
    become.length === 0 || route.paths?.some((path) => path.startsWith('~'));
  const left = routes.filter(isLeft);
  return routes.flatMap((one) => {
    const uncovered = left.find((other) => wouldUncover(other, one));
    if (one.become.length === 0 || uncovered === undefined) return one.become;
    const rule = 'would take requests of a protected route that is left out; it is left out too';
    notes.lose(one.path, rule, uncovered.path);
    return [];
  });
}
