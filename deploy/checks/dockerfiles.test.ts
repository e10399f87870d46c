import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DockerfileParser, type Dockerfile } from 'dockerfile-ast';
import { readComposeFile, readText } from './compose-file.ts';

const PROGRAMS = ['edge', 'config-service', 'health-service', 'cli'];

async function parseDockerfile(program: string): Promise<Dockerfile> {
  return DockerfileParser.parse(await readText(`deploy/docker/${program}.Dockerfile`));
}

/** Arguments of the instructions named so, as written. */
function argumentsOf(file: Dockerfile, keyword: string): string[] {
  return file
    .getInstructions()
    .filter((instruction) => instruction.getKeyword() === keyword)
    .map((instruction) => instruction.toString().slice(keyword.length + 1));
}

for (const program of PROGRAMS) {
  test(`${program}.Dockerfile builds in one stage and runs in another, without root`, async () => {
    const file = await parseDockerfile(program);
    assert.equal(file.getFROMs().length, 2);
    assert.deepEqual(argumentsOf(file, 'ARG'), ['NODE_IMAGE=node:26-bookworm-slim']);
    assert.equal(file.getFROMs()[0]?.getBuildStage(), 'build');
    assert.equal(file.getFROMs()[1]?.getBuildStage(), null);
    assert.deepEqual(argumentsOf(file, 'USER'), ['1000:1000']);
    assert.deepEqual(argumentsOf(file, 'STOPSIGNAL'), ['SIGTERM']);
    assert.match(argumentsOf(file, 'LABEL')[0] ?? '', new RegExp(`"headgate-${program}"`));
    const order = file.getInstructions().map((instruction) => instruction.getKeyword());
    assert.ok(order.lastIndexOf('RUN') < order.indexOf('USER'), 'nothing is written after USER');
  });

  test(`${program}.Dockerfile copies only the bundle of that program`, async () => {
    const file = await parseDockerfile(program);
    assert.match(argumentsOf(file, 'RUN').join('\n'), new RegExp(`bundle-main.ts ${program} /out`));
    const [, ...later] = argumentsOf(file, 'COPY');
    assert.equal(later[0], '--from=build /out /app');
    const rest = program === 'cli' ? [] : ['deploy/docker/healthcheck.mjs /app/healthcheck.mjs'];
    assert.deepEqual(later.slice(1), rest);
    assert.match(argumentsOf(file, 'ENTRYPOINT')[0] ?? '', /^\["node", .*"\/app\/main\.js"\]$/);
  });

  test(`${program}.Dockerfile says how to see its health`, async () => {
    const [check = ''] = argumentsOf(await parseDockerfile(program), 'HEALTHCHECK');
    if (program === 'cli') assert.equal(check, 'NONE');
    else
      assert.match(
        check,
        /--interval=5s --timeout=3s .*CMD \["node", "\/app\/healthcheck\.mjs"\]/s,
      );
  });
}

test('the compose file builds every image from its Dockerfile', async () => {
  const { services } = await readComposeFile();
  const built = new Set(Object.values(services).map(({ build }) => build?.dockerfile));
  for (const program of PROGRAMS) {
    assert.ok(built.has(`deploy/docker/${program}.Dockerfile`), program);
  }
});
