import assert from 'node:assert/strict';
import { test } from 'node:test';
import { linesOf } from '../test/refusal-lines.ts';
import { parseSource } from './bundle-source.ts';
import { checkBundle } from './faults.ts';
import { renderTemplate } from './template.ts';

const TEMPLATE = `apiVersion: headgate/v1
parameters:
  host: { description: public host, pattern: '[a-z.]+' }
  port: { type: integer, default: 8080 }
  plan: { enum: [hobby, gold], default: hobby }
tenant:
  planId: \${plan}
  name: 'Shop of \${tenant} ($\${plan})'
  identity: { hosts: ['\${host}', 'www.\${host}'] }
  upstreams: { web: { endpoints: [{ host: 10.0.0.1, port: '\${port}' }] } }
  routes: { all: { upstreamId: web } }
`;

function render(text: string, values: Readonly<Record<string, string>>) {
  return renderTemplate(parseSource('shop.yaml', text), 'acme', new Map(Object.entries(values)));
}

test('values take the places of their names, and stay numbers', () => {
  const { tenants } = checkBundle(render(TEMPLATE, { host: 'a.example', plan: 'gold' }));
  const [tenant] = Object.values(tenants);
  assert.equal(tenant?.planId, 'gold');
  assert.equal(tenant?.name, 'Shop of acme (${plan})');
  assert.deepEqual(tenant?.identity.hosts, ['a.example', 'www.a.example']);
  const [upstream] = Object.values(tenant?.upstreams ?? {});
  assert.equal(upstream?.endpoints[0]?.port, 8080);
});

test('a value cannot add to the template', () => {
  const open = TEMPLATE.replace("pattern: '[a-z.]+'", "pattern: '[^]*'");
  const hostile = "a', evil: true }\n${plan}";
  const { value } = render(open, { host: hostile });
  const { tenants } = value as { tenants: { acme: { identity: { hosts: string[] } } } };
  assert.deepEqual(tenants.acme.identity.hosts, [hostile, `www.${hostile}`]);
});

test('a parameter that would be passed over is refused', () => {
  const text = TEMPLATE.replace('parameters:', "parameters:\n  tenant: { default: 'other' }");
  assert.deepEqual(
    linesOf(() => render(text, { host: 'a.example' })),
    [
      'shop.yaml is not a valid template: 1 fault',
      'shop.yaml:3:3  parameters.tenant',
      '    is the id on the command line always; remove it',
    ],
  );
});

test('values that are missing, unknown or do not fit are all named', () => {
  const lines = linesOf(() => render(TEMPLATE, { port: 'http', plan: 'tin', colour: 'red' }));
  assert.deepEqual(lines, [
    'the values do not fit shop.yaml',
    'colour: the template has no such parameter',
    'host (public host): is missing',
    'port: "http" is not of type integer',
    'plan: "tin" is not one of hobby, gold',
    'Set them with --set NAME=VALUE; parameters: host, port, plan',
  ]);
  const [, line] = linesOf(() => render(TEMPLATE, { host: 'UPPER' }));
  assert.equal(line, 'host (public host): "UPPER" does not match [a-z.]+');
});

test('faults of a template have a place', () => {
  const faulty = TEMPLATE.replace('planId: ${plan}', 'planId: ${paln}').replace(
    'routes: { all',
    "routes: { '${host}'",
  );
  assert.deepEqual(
    linesOf(() => render(faulty, { host: 'a.example' })),
    [
      'shop.yaml is not a valid template: 3 faults',
      'shop.yaml:7:3  tenant.planId = "${paln}"',
      '    there is no parameter "paln"; add it to parameters',
      'shop.yaml:11:13  tenant.routes.${host}',
      '    a name cannot hold ${…}',
      'shop.yaml:5:3  parameters.plan',
      '    is used nowhere; remove it',
    ],
  );
  assert.match(
    linesOf(() =>
      render('apiVersion: headgate/v1\nparameters: { a: { pattern: "(" } }', {}),
    ).join(),
    /not a valid template: 2 faults.*parameters\.a\.pattern.*must be a regular expression/,
  );
});

test('what makes no valid tenant is located in the template', () => {
  const [what, place] = linesOf(() => checkBundle(render(TEMPLATE, { host: 'a..b' })));
  assert.equal(what, 'shop.yaml is not a valid bundle: 2 faults');
  assert.match(place ?? '', /^shop\.yaml:9:23 {2}tenants\.acme\.identity\.hosts\[0\] = "a\.\.b"/);
});
