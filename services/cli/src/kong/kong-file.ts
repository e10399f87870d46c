import { z } from 'zod';

// A declarative file of Kong, as `deck gateway dump` and `kong config db_export` write it, as far as it is
// translated. Unknown fields pass the schema: kong/translate.ts tells of those that matter.

/** Names another entity: by its name or id, or in an object. kong/references.ts resolves it. */
const KongReference = z.union([z.string(), z.looseObject({})]);
export type KongReference = z.infer<typeof KongReference>;
const Texts = z.array(z.string()).nullish();

/** A plugin, wherever it stands. */
export const KongPlugin = z.looseObject({
  name: z.string(),
  enabled: z.boolean().nullish(),
  config: z.record(z.string(), z.unknown()).nullish(),
  service: KongReference.nullish(),
  route: KongReference.nullish(),
  consumer: KongReference.nullish(),
  consumer_group: z.unknown().optional(),
});
export type KongPlugin = z.infer<typeof KongPlugin>;
const Plugins = z.array(KongPlugin).nullish();

/** A route. */
export const KongRoute = z.looseObject({
  name: z.string().nullish(),
  service: KongReference.nullish(),
  hosts: Texts,
  paths: Texts,
  methods: Texts,
  protocols: Texts,
  strip_path: z.boolean().nullish(),
  plugins: Plugins,
});
export type KongRoute = z.infer<typeof KongRoute>;

/** A service. */
export const KongService = z.looseObject({
  name: z.string().nullish(),
  enabled: z.boolean().nullish(),
  url: z.string().nullish(),
  protocol: z.string().nullish(),
  host: z.string().nullish(),
  port: z.int().nullish(),
  path: z.string().nullish(),
  retries: z.int().nullish(),
  connect_timeout: z.int().nullish(),
  read_timeout: z.int().nullish(),
  routes: z.array(KongRoute).nullish(),
  plugins: Plugins,
});
export type KongService = z.infer<typeof KongService>;

/** An upstream: targets with weights. */
export const KongUpstream = z.looseObject({
  name: z.string(),
  algorithm: z.string().nullish(),
  targets: z
    .array(z.looseObject({ target: z.string(), weight: z.int().min(0).nullish() }))
    .nullish(),
  healthchecks: z.unknown().optional(),
});
export type KongUpstream = z.infer<typeof KongUpstream>;

const KeyCredential = z.looseObject({
  key: z.string(),
  ttl: z.unknown().optional(),
  consumer: KongReference.nullish(),
});
export type KeyCredential = z.infer<typeof KeyCredential>;

/** A consumer with its credentials. */
export const KongConsumer = z.looseObject({
  username: z.string().nullish(),
  custom_id: z.string().nullish(),
  keyauth_credentials: z.array(KeyCredential).nullish(),
  plugins: Plugins,
});
export type KongConsumer = z.infer<typeof KongConsumer>;

/** The file as a whole. */
export const KongFile = z.looseObject({
  _format_version: z.string(),
  services: z.array(KongService).nullish(),
  routes: z.array(KongRoute).nullish(),
  upstreams: z.array(KongUpstream).nullish(),
  consumers: z.array(KongConsumer).nullish(),
  consumer_groups: z.array(z.looseObject({ plugins: Plugins })).nullish(),
  plugins: Plugins,
  keyauth_credentials: z.array(KeyCredential).nullish(),
});
export type KongFile = z.infer<typeof KongFile>;

/** A text that may be left out. */
export function textOf(value: unknown, absent: string): string {
  return typeof value === 'string' ? value : absent;
}

/** Whether nothing is set, or something without content. */
export function isEmpty(value: unknown): boolean {
  return !isSet(value) || (typeof value === 'object' && Object.keys(value ?? {}).length === 0);
}

/** Whether something is set. */
export function isSet(value: unknown): boolean {
  return value !== null && value !== undefined;
}
