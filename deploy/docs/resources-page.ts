import {
  ApiKeySpec,
  Bundle,
  CertificateSpec,
  JwtIssuerSpec,
  PlanSpec,
  RouteSpec,
  TenantSpec,
  UpstreamSpec,
} from '@headgate/model';
import { markdownTable, pageHead } from './markdown.ts';
import { fieldRows, inputSchema } from './schema-rows.ts';

const RESOURCES = [
  ['Plan', 'plans/{planId}', PlanSpec],
  ['Shared upstream', 'upstreams/{sharedUpstreamId}', UpstreamSpec],
  ['Tenant', 'tenants/{tenantId}', TenantSpec],
  ['Upstream', 'tenants/{tenantId}/upstreams/{upstreamId}', UpstreamSpec],
  ['JWT issuer', 'tenants/{tenantId}/jwt-issuers/{jwtIssuerId}', JwtIssuerSpec],
  ['Route', 'tenants/{tenantId}/routes/{routeId}', RouteSpec],
  ['API key', 'tenants/{tenantId}/api-keys/{apiKeyId}', ApiKeySpec],
  ['Certificate', 'tenants/{tenantId}/certificates/{certificateId}', CertificateSpec],
] as const;

const COLUMNS = ['field', 'type', 'range', 'default', 'meaning'];

/** `docs/reference/resources.md`: what operators write, from the schemas of the model. */
export function renderResourcesPage(): string {
  const head = pageHead(
    'Configuration resources',
    'Unknown keys are refused. Names end in their unit. Ids are 1 to 63 of `a-z`, `0-9` and `-`, and never start or end with `-`.',
  );
  const sections = RESOURCES.map(([title, path, schema]) => {
    const json = inputSchema(schema);
    return `## ${title}\n\n${json.description ?? ''} \`/v1/${path}\`\n\n${markdownTable(COLUMNS, fieldRows(json))}`;
  });
  const bundle = inputSchema(Bundle);
  const top = fieldRows({
    ...bundle,
    properties: Object.fromEntries(
      Object.entries(bundle.properties ?? {}).map(([name, field]) => [name, shallow(field)]),
    ),
  });
  sections.push(
    `## Bundle\n\n${bundle.description ?? ''} A YAML or JSON file for \`headgate apply\` and \`POST /v1/apply\`. A plan or shared upstream is written as above; a tenant as above with \`upstreams\`, \`jwtIssuers\`, \`routes\`, \`apiKeys\` and \`certificates\`, each a map by id. An API key stands there by its hash (\`sha256\`), a certificate with its key or without it (see Certificate).\n\n${markdownTable(COLUMNS, top)}`,
  );
  return [head, ...sections].join('\n');
}

/** The field itself without what lies below it. */
function shallow({ additionalProperties, ...field }: ReturnType<typeof inputSchema>) {
  return additionalProperties === undefined
    ? field
    : { ...field, type: 'map by id', description: field.description ?? '' };
}
