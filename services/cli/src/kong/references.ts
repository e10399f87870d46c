import {
  isSet,
  type KongFile,
  type KongPlugin,
  type KongReference,
  type KongRoute,
} from './kong-file.ts';
import type { Notes } from './notes.ts';
import type { PlacedPlugin } from './plugins.ts';

const NAMES = ['id', 'name', 'username'] as const;

/** Whether a reference is to this entity: it gives its id or its name, as a text or in an object. */
export function isOf(
  reference: KongReference | null | undefined,
  entity: Readonly<Record<string, unknown>>,
): boolean {
  if (reference === null || reference === undefined) return false;
  const given: readonly unknown[] =
    typeof reference === 'string' ? [reference] : NAMES.map((name) => reference[name]);
  return NAMES.some((name) => isSet(entity[name]) && given.includes(entity[name]));
}

/** Whether a plugin beside the entities is for all of them, if perhaps for a group of consumers alone. */
export function isGlobal({ service, route, consumer }: KongPlugin): boolean {
  return ![service, route, consumer].some(isSet);
}

/** Plugins of groups of consumers, as if they stood beside them. */
export function pluginsOfGroups(file: KongFile): PlacedPlugin[] {
  return (file.consumer_groups ?? []).flatMap(({ plugins }, group) =>
    (plugins ?? []).map((plugin, index) => ({
      path: `consumer_groups[${group}].plugins[${index}]`,
      plugin: { ...plugin, consumer_group: group },
    })),
  );
}

/** Routes within the service, and those beside it that name it. */
export function routesOf(
  file: KongFile,
  service: NonNullable<KongFile['services']>[number],
  path: string,
): { readonly route: KongRoute; readonly path: string }[] {
  return [
    ...(service.routes ?? []).map((route, index) => ({ route, path: `${path}.routes[${index}]` })),
    ...(file.routes ?? [])
      .map((route, index) => ({ route, path: `routes[${index}]` }))
      .filter(({ route }) => isOf(route.service, service)),
  ];
}

/** Plugins within an entity, and those beside it that name it. */
export function placed(
  nested: readonly KongPlugin[] | null | undefined,
  path: string,
  all: readonly PlacedPlugin[],
  isOfEntity: (plugin: KongPlugin) => boolean,
): PlacedPlugin[] {
  return [
    ...all.filter(({ plugin }) => isOfEntity(plugin)),
    ...(nested ?? []).map((plugin, index) => ({ path: `${path}.plugins[${index}]`, plugin })),
  ];
}

/** Tells of all that names an entity which the file does not hold: it would be dropped unseen. */
export function loseStrays(file: KongFile, plugins: readonly PlacedPlugin[], notes: Notes): void {
  const services = file.services ?? [];
  const consumers = file.consumers ?? [];
  const routes = [...services.flatMap((service) => service.routes ?? []), ...(file.routes ?? [])];
  const entities = { service: services, route: routes, consumer: consumers };
  for (const { path, plugin } of plugins) {
    if (plugin.enabled === false) continue;
    for (const kind of ['service', 'route', 'consumer'] as const) {
      const reference = plugin[kind];
      if (!isSet(reference) || entities[kind].some((one) => isOf(reference, one))) continue;
      notes.lose(`${path}.${kind}`, 'is none of the file; the plugin is left out', reference);
    }
  }
  file.routes?.forEach(({ service }, index) => {
    if (services.some((one) => isOf(service, one))) return;
    notes.lose(`routes[${index}]`, 'names no service of the file; the route is left out');
  });
  file.keyauth_credentials?.forEach(({ consumer }, index) => {
    if (consumers.some((one) => isOf(consumer, one))) return;
    notes.lose(
      `keyauth_credentials[${index}]`,
      'names no consumer of the file; the key is left out',
    );
  });
}
