import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { waitFor } from '@headgate/testkit';
import { changedPath } from '../../bench/config/tenants.ts';
import { firstEdge, type ClusterEdge } from '../../cluster/cluster.ts';
import { timed } from '../scenario.ts';
import type { ConfigFault } from './config-fault.ts';
import type { FaultRig, MadeChange } from './fault-rig.ts';

const EDGE = fileURLToPath(
  new URL('../../../../services/edge/test/support/scaled-edge.ts', import.meta.url),
);
const SOAK_MS = 2000;
const START_MS_MAX = 3000;

/** C6: a revision that was saved before it ended the edge. */
export const bootLoop: ConfigFault = {
  id: 'C6',
  fault: 'a poisonous revision is saved before it ends the edge, twice soon after a start',
  required: 'last-good after a soak; 2 crashes < 60 s after the start → N−1; the 3rd start serves',
  scale: () => `soak of 5 min as ${SOAK_MS / 1000} s; the crashes are kill -9`,
  rig: () => ({
    edges: 1,
    tenants: 20,
    cluster: { edgeEntry: EDGE, edgeEnv: { SOAK_MS: String(SOAK_MS), SOON_MS: '60000' } },
  }),
  async run(rig) {
    const edge = firstEdge(rig.cluster);
    const soaked = await changeOfFirst(rig);
    const [, soakedMs] = await timed(() => soak(rig, edge));
    const poison = await changeOfFirst(rig);
    await waitFor(() => isOnDisk(edge, poison), { message: 'the revision to be on the disk' });
    // The first start was that of the cluster.
    await edge.component.kill();
    await edge.component.start();
    await edge.component.kill();
    const [, startMs] = await timed(() => edge.component.start());
    const servesGood = await rig.serves(edge, 0, changedPath(soaked.change));
    const servesPoison = await rig.serves(edge, 0, changedPath(poison.change));
    const { rejected } = await rig.config(edge);
    const reason = rejected.find(({ key }) => key === 'tenant.tenant-0')?.reason ?? 'no reason';
    const serves = servesPoison ? 'the poison' : servesGood ? 'N−1' : 'nothing';
    return {
      figure: `good after ${soakedMs.toFixed(0)} ms; the 3rd start took ${startMs.toFixed(0)} ms and serves ${serves}: ${reason}`,
      ok: servesGood && !servesPoison && startMs <= START_MS_MAX,
    };
  },
};

/** Changes all tenants, so the first one too. */
async function changeOfFirst(rig: FaultRig): Promise<MadeChange> {
  const made = { ...(await rig.changeAll()), tenant: 0 };
  await rig.untilServed(made);
  return made;
}

/** Waits until nothing is on probation any more. */
async function soak(rig: FaultRig, edge: ClusterEdge): Promise<void> {
  await waitFor(async () => (await rig.config(edge)).onProbation === 0, {
    message: 'the soak',
    deadlineMs: 10 * SOAK_MS,
  });
}

async function isOnDisk({ dataDirectory }: ClusterEdge, made: MadeChange): Promise<boolean> {
  const directory = join(dataDirectory, 'snapshots');
  const wanted = `"${changedPath(made.change)}"`;
  for (const name of await readdir(directory)) {
    if ((await readFile(join(directory, name), 'utf8')).includes(wanted)) return true;
  }
  return false;
}
