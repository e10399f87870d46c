import type { Operation } from '../http/operation.ts';
import { limitEventsOperation, type LimitEventsContext } from './limit-events.ts';
import { limitOperations, type LimitsContext } from './limits.ts';
import { revisionOperation, statusOperation, type StatusContext } from './status.ts';
import { whatIfOperation, type WhatIfContext } from './what-if.ts';

/** What the operations on the cluster as it runs tell of. */
export type ClusterContext = StatusContext & LimitsContext & LimitEventsContext & WhatIfContext;

/** Operations on what edges tell. Tests of the whole API go by this list too, so that they miss none. */
export function clusterOperations(context: ClusterContext): Operation[] {
  return [
    statusOperation(context),
    revisionOperation(context),
    ...limitOperations(context),
    limitEventsOperation(context),
    whatIfOperation(context),
  ];
}
