import type { DocumentHeader } from '@headgate/model';

/** Whether edges of this ring serve a document; all do unless it is that of a rollout. */
export function isForRing(header: Pick<DocumentHeader, 'kind' | 'rings'>, ring: string): boolean {
  return header.kind !== 'rollout' || header.rings?.includes(ring) === true;
}
