import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Bundle } from '@headgate/model';
import { parse } from 'yaml';
import { createComponentSpecs, type ClusterSettings } from './components.ts';
import { withPorts } from './demo-bundle.ts';
import { clusterPorts } from './ports.ts';
import { formatTour, tourSteps } from './tour.ts';

const yaml = readFileSync(join(import.meta.dirname, 'demo.yaml'), 'utf8');

function settingsAt(portBase: number, dataDirectory: string): ClusterSettings {
  return {
    ...{ root: '/work', node: 'node', adminToken: 'secret-token-of-the-test', dataDirectory },
    secretsKey: 'secret-key-of-the-test',
    ports: clusterPorts(portBase, 2, true),
  };
}

test('the demo bundle is valid, with two plans and three tenants, one for each way to recognise one', () => {
  const bundle = Bundle.parse(parse(yaml));
  assert.equal(Object.keys(bundle.plans).length, 2);
  const identities = Object.values(bundle.tenants).map(({ identity }) =>
    Object.entries(identity).flatMap(([way, values]) => (values.length > 0 ? [way] : [])),
  );
  assert.deepEqual(identities, [['hosts'], ['pathPrefixes'], ['headerValues']]);
});

test('the key that the tour uses is the one whose hash the bundle holds', () => {
  const commands = tourSteps(settingsAt(8080, '/work/.headgate')).map((step) => step.command);
  const key = /X-API-Key: (\S+)'/.exec(commands.join('\n'))?.[1];
  assert.match(key ?? '', /^hgk_[\w-]{43}$/);
  const hash = createHash('sha256')
    .update(key ?? '')
    .digest('hex');
  assert.ok(yaml.includes(`sha256: ${hash}`));
});

test('with another port base the endpoints of the bundle move along, and nothing else changes', () => {
  const moved = Bundle.parse(parse(withPorts(yaml, [9041, 9042, 9043])));
  const original = JSON.stringify(Bundle.parse(parse(yaml)));
  const expected = original.replace(
    /"port":81(2[123])/g,
    (_, end: string) => `"port":90${Number(end) + 20}`,
  );
  assert.equal(JSON.stringify(moved), expected);
});

test('the tour prints five commands and every address of the cluster', () => {
  const settings = settingsAt(9000, '/work/.headgate');
  const text = formatTour(settings, createComponentSpecs(settings).flat());
  assert.equal(text.match(/^ {2}curl /gm)?.length, 5);
  for (const address of [
    'http://127.0.0.1:9000',
    'http://127.0.0.1:9010',
    ':9022',
    ':9030',
    ':9043',
  ]) {
    assert.ok(text.includes(address), address);
  }
  assert.ok(!text.includes(settings.adminToken), 'the token itself is not printed');
  assert.match(text, /HEADGATE_URL=http:\/\/127\.0\.0\.1:9010 npx headgate status/);
});

test('with the default port and folder the headgate command needs no variables', () => {
  const settings = settingsAt(8080, '/work/.headgate');
  assert.match(
    formatTour(settings, createComponentSpecs(settings).flat()),
    /\nMore: npx headgate status/,
  );
});
