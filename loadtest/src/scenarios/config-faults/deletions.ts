import { waitFor } from '@headgate/testkit';
import type { ConfigFault } from './config-fault.ts';
import type { FaultRig } from './fault-rig.ts';
import { HELD_PATH } from './held-endpoint.ts';

/** Requests that are in flight at each edge. */
const IN_FLIGHT = 20;

/** C11: what requests are on is deleted. */
export const deletions: ConfigFault = {
  id: 'C11',
  fault: 'a route, then the tenant, deleted with requests in flight',
  required: 'they finish on the old snapshot; 0 errors',
  async run(rig) {
    const tenant = rig.tenants - 1;
    const path = `/v1/tenants/tenant-${tenant}`;
    const load = await rig.underLoad(async () => [
      await deleteUnder(rig, tenant, `${path}/routes/items`),
      await deleteUnder(rig, tenant, path, () => rig.changeAll()),
    ]);
    await rig.untilServed(await rig.changeAll());
    const [route, whole] = load.value;
    const told = (name: string, one?: Deletion): string =>
      `${name}: ${one?.finished} of ${one?.sent} in flight finished, then ${one?.after.join(', ')}`;
    return {
      figure: `${told('route', route)}; ${told('tenant', whole)}; ${load.text}`,
      ok:
        load.failed === 0 &&
        load.value.every(
          ({ finished, sent, after }) =>
            finished === sent && after.every((status) => status === 404),
        ),
    };
  },
};

interface Deletion {
  readonly sent: number;
  readonly finished: number;
  /** Statuses of requests on each edge when it was gone there. */
  readonly after: readonly number[];
}

/** Deletes something while the endpoint holds requests back, waits until it is gone, and lets them go. */
async function deleteUnder(
  rig: FaultRig,
  tenant: number,
  path: string,
  before?: () => Promise<unknown>,
): Promise<Deletion> {
  const { edges, api } = rig.cluster;
  await before?.();
  await Promise.all(
    edges.map((edge) =>
      waitFor(() => rig.serves(edge, tenant), { message: 'the tenant to be served' }),
    ),
  );
  const gate = rig.holdRequests();
  const sent = edges.flatMap((edge) =>
    Array.from({ length: IN_FLIGHT }, () => rig.status(edge, tenant, HELD_PATH)),
  );
  await waitFor(() => gate.held === sent.length, { message: 'the requests to be in flight' });
  const { status } = await api.send('DELETE', path);
  if (status >= 300) throw new Error(`DELETE ${path} was answered with ${status}`);
  const after = await Promise.all(
    edges.map(async (edge) => {
      const isGone = async (): Promise<boolean> => !(await rig.serves(edge, tenant));
      await waitFor(isGone, { message: `${path} to be gone` });
      return rig.status(edge, tenant);
    }),
  );
  gate.release();
  const statuses = await Promise.all(sent);
  return { sent: sent.length, finished: statuses.filter((one) => one === 200).length, after };
}
