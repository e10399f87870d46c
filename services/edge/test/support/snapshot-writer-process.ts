import process from 'node:process';
import { SnapshotFiles } from '../../src/primary/snapshot-files.ts';
import { tenantDocument } from './edge-process.ts';

// Writes ever newer revisions of two tenants to the directory of its argument until it is killed, and says each that is
// safe. Each third write is a whole generation.

const upstreams = { main: { endpoints: [{ host: '127.0.0.1', port: 9 }] } };
const routes = { all: { upstreamId: 'main' } };

const files = new SnapshotFiles(process.argv[2] ?? '');
const { documents } = await files.load();
let revision = documents.get('tenant.a')?.header.revision ?? 0;
for (;;) {
  revision += 1;
  const both = ['a', 'b'].map((id) =>
    tenantDocument({ id, hosts: [`${id}.test`], upstreams, routes }, revision),
  );
  await (revision % 3 === 0 ? files.compact(both) : files.append(both));
  process.stdout.write(`${revision}\n`);
}
