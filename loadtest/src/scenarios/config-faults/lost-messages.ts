import type { FlowDirection } from '@headgate/testkit';
import type { ArmedFault, MessageFault, NatsLink } from '../../cluster/nats-link.ts';
import { firstEdge } from '../../cluster/cluster.ts';
import type { ConfigFault } from './config-fault.ts';
import type { FaultRig } from './fault-rig.ts';
import { watchRevisions } from './revision-watch.ts';

const HEALED_MS_MAX = 60_000;
const KINDS: readonly MessageFault[] = ['lost', 'doubled', 'late'];
const DIRECTIONS: readonly FlowDirection[] = ['toServer', 'toClient'];

/** One message of the way of a change, and what happens to it. */
interface Case {
  readonly name: string;
  readonly link: NatsLink;
  readonly fault: ArmedFault;
}

/** N6: of all messages that a change sets off, each in turn is lost, comes twice, or after the one behind it. */
export const lostMessages: ConfigFault = {
  id: 'N6',
  fault: 'any single message lost, duplicated or reordered',
  required: 'healed ≤ 60 s; 0 downgrades',
  scale: ({ messagesMax }) =>
    `the first ${messagesMax} messages after a change, on 2 connections, both ways`,
  async run(rig, { messagesMax }) {
    const cases = casesOf(rig, messagesMax);
    const met = new Set<string>();
    const work = async () => {
      const healed: { readonly ms: number; readonly name: string }[] = [];
      for (const { name, link, fault } of cases) {
        link.arm(fault);
        const ms = await rig.untilServed(await rig.change());
        const subject = link.disarm();
        if (subject !== null) met.add(kindOfSubject(subject));
        healed.push({
          ms,
          name: `${name} (${subject === null ? 'none came' : kindOfSubject(subject)})`,
        });
      }
      return healed;
    };
    const { value: load, regressions, told } = await watchRevisions(rig, () => rig.underLoad(work));
    const slowest = load.value.toSorted((a, b) => b.ms - a.ms)[0];
    const inTime = load.value.filter(({ ms }) => ms <= HEALED_MS_MAX).length;
    return {
      figure:
        `${inTime} of ${cases.length} healed, the slowest after ${slowest?.ms.toFixed(0)} ms: ${slowest?.name}; ` +
        `met ${[...met].sort().join(', ')}; ${told}; ${load.text}`,
      ok: inTime === cases.length && regressions === 0 && load.failed === 0,
    };
  },
};

function casesOf(rig: FaultRig, messagesMax: number): readonly Case[] {
  const edge = firstEdge(rig.cluster);
  const links = [
    ['config-service', rig.configLink],
    [edge.component.name, rig.linkOf(edge)],
  ] as const;
  return links.flatMap(([component, link]) =>
    DIRECTIONS.flatMap((direction) =>
      KINDS.flatMap((kind) =>
        Array.from({ length: messagesMax }, (_, index) => ({
          name: `message ${index + 1} ${direction === 'toClient' ? 'to' : 'from'} ${component} ${kind}`,
          link,
          fault: { kind, direction, nth: index + 1 },
        })),
      ),
    ),
  );
}

/** A subject without what differs from message to message. */
function kindOfSubject(subject: string): string {
  if (subject.startsWith('_INBOX.')) return 'replies';
  if (subject.startsWith('$JS.API.')) return 'JetStream requests';
  if (/^\$KV\..*\.digest$/.test(subject)) return 'stored digests';
  if (subject.startsWith('$KV.')) return 'documents';
  return subject.split('.').slice(0, 4).join('.');
}
