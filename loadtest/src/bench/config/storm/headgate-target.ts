import { firstEdge } from '../../../cluster/cluster.ts';
import {
  controlPids,
  fillCluster,
  startConfigCluster,
  startEdge,
  waitForDocuments,
} from '../config-cluster.ts';
import { changeTenant } from '../tenants.ts';
import type { StormEntrant } from './storm-target.ts';

/** One edge with one worker; changes go through the REST API and NATS. */
export const headgateEntrant: StormEntrant = {
  name: 'headgate',
  missing: () => Promise.resolve(null),
  async start({ nginx, tenants, say }) {
    const parts = await startConfigCluster(1, nginx);
    try {
      const { cluster } = parts;
      await fillCluster(parts, tenants, say);
      const edge = firstEdge(cluster);
      await startEdge(edge, false);
      await waitForDocuments(edge, tenants + 1); // and a plan
      return {
        name: 'headgate',
        port: edge.port,
        pid: edge.component.process.pid,
        controlPids: controlPids(cluster),
        async change(tenant, change) {
          await changeTenant(cluster.api, tenant, change);
        },
        stop: () => parts.stop(),
      };
    } catch (error) {
      await parts.stop();
      throw error;
    }
  },
};
