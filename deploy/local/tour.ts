import { relative } from 'node:path';
import type { ClusterSettings, ComponentSpec } from './components.ts';
import { PORT_BASE_DEFAULT, clusterPorts } from './ports.ts';

/** The key of the tenant initech in demo.yaml, which holds its hash only. */
const DEMO_API_KEY = 'hgk_initech-demo-key-for-the-local-cluster-0001';

/** A command to try and what it shows. */
export interface TourStep {
  readonly shows: string;
  readonly command: string;
}

/** Five commands that show the cluster at work; each works as it stands, in the workspace's folder. */
export function tourSteps(settings: ClusterSettings): readonly TourStep[] {
  const port = settings.ports.edges[0] ?? 0;
  const gateway = `http://127.0.0.1:${port}`;
  const token = relative(settings.root, `${settings.dataDirectory}/admin-token`);
  return [
    {
      shows: 'tenant acme by its host, three endpoints behind it: repeat it to see another answer',
      command: `curl -s http://acme.localhost:${port}/hello`,
    },
    {
      shows: 'tenant initech by a trusted header, its API key checked; the RateLimit headers',
      command:
        `curl -s -i -H 'X-Tenant-ID: initech' -H 'X-API-Key: ${DEMO_API_KEY}' ` +
        `${gateway}/orders/17`,
    },
    {
      shows:
        'tenant globex by its path prefix, eight requests with a limit of 5 in 10 s: 200, then 429',
      command: `curl -s -o /dev/null -w '%{http_code}\\n' '${gateway}/globex/hello?n=[1-8]'`,
    },
    {
      shows: 'a streamed response, line by line',
      command: `curl -s -N http://acme.localhost:${port}/stream`,
    },
    {
      shows: 'edges, revisions and the health of every endpoint, as the config-service sees them',
      command:
        `curl -s -H "Authorization: Bearer $(cat ${shellQuote(token)})" ` +
        `http://127.0.0.1:${settings.ports.configApi}/v1/status`,
    },
  ];
}

/** The text printed when the cluster is ready: addresses and commands. */
export function formatTour(
  settings: ClusterSettings,
  components: readonly ComponentSpec[],
): string {
  const { ports, root, dataDirectory } = settings;
  const width = Math.max(...components.map((component) => component.name.length)) + 2;
  const row = (name: string, address: string) => `  ${name.padEnd(width)}${address}`;
  const gateways = [...new Set(ports.edges)].map((port) => `http://127.0.0.1:${port}`).join(', ');
  const data = relative(root, dataDirectory) || '.';
  return [
    row('gateway', gateways),
    ...components.map((component) => row(component.name, component.address)),
    row('data', `${data} (admin token: ${data}/admin-token)`),
    '',
    'Try (in another terminal):',
    ...tourSteps(settings).flatMap((step) => ['', `  # ${step.shows}`, `  ${step.command}`]),
    '',
    `More: ${commandPrefix(settings)}npx headgate status, npx headgate --help`,
  ].join('\n');
}

/** The `headgate` command finds a cluster with the default port and folder by itself. */
function commandPrefix({ ports, root, dataDirectory }: ClusterSettings): string {
  const standard = clusterPorts(PORT_BASE_DEFAULT, 1, true).configApi;
  const url =
    ports.configApi === standard ? '' : `HEADGATE_URL=http://127.0.0.1:${ports.configApi} `;
  const folder = relative(root, dataDirectory);
  if (folder === '.headgate') return url;
  return `${url}HEADGATE_ADMIN_TOKEN=$(cat ${shellQuote(`${folder}/admin-token`)}) `;
}

function shellQuote(text: string): string {
  return /^[\w./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
