import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DockerfileParser } from 'dockerfile-ast';
import { loadEnvironmentSchema, PROGRAMS, type Program } from '../docs/service-environments.ts';
import { readComposeFile, readText, type ComposeService } from './compose-file.ts';

/** Variables that a container of the program gets: from its image, then from the compose file. */
async function containerEnvironment(
  program: Program,
  service: ComposeService,
): Promise<Record<string, string>> {
  const file = DockerfileParser.parse(await readText(`deploy/docker/${program}.Dockerfile`));
  const image = file
    .getENVs()
    .flatMap((env) => env.getProperties())
    .map((property) => [property.getName(), property.getValue() ?? '']);
  const entries = [...image, ...Object.entries(service.environment ?? {})];
  return Object.fromEntries(entries.map(([name = '', value = '']) => [name, resolve(value)]));
}

/** What compose makes of a value: defaults filled in, secrets from `.env`. */
function resolve(value: string): string {
  return value
    .replaceAll(/\$\{\w+:-([^}]*)\}/g, '$1')
    .replaceAll(/\$\{\w+:\?[^}]*\}/g, 's0123456789abcdef0123456789abcdef0123456789');
}

const compose = await readComposeFile();

for (const program of PROGRAMS) {
  test(`${program}: its containers set only variables that it knows, to values that it takes`, async () => {
    const schema = await loadEnvironmentSchema(program);
    const services = Object.values(compose.services).filter(
      ({ build }) => build?.dockerfile === `deploy/docker/${program}.Dockerfile`,
    );
    assert.ok(services.length > 0);
    for (const service of services) {
      const environment = await containerEnvironment(program, service);
      const own = Object.entries(environment).filter(([name]) => name.startsWith('HEADGATE_'));
      for (const [name] of own) assert.ok(name in schema.shape, `${name} is unknown to ${program}`);
      const result = schema.safeParse(Object.fromEntries(own));
      assert.ok(result.success, JSON.stringify(result.error?.issues));
    }
  });
}

test('in containers every listener is reachable from other containers', async () => {
  for (const service of Object.values(compose.services)) {
    const program = PROGRAMS.find((name) => service.build?.dockerfile?.includes(`/${name}.`));
    if (program === undefined || program === 'cli') continue;
    const environment = await containerEnvironment(program, service);
    const listeners = Object.entries(environment).filter(([name]) => name.endsWith('_LISTEN'));
    assert.ok(listeners.length >= 1);
    for (const [name, value] of listeners) assert.match(value, /^0\.0\.0\.0:\d+$/, name);
  }
});
