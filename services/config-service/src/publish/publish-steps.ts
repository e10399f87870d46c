import { isNeededByTenants } from '@headgate/model';
import type { BuiltDocument } from './build-document.ts';

/**
 * Documents that can be published at once, step by step: what others need comes before them, and goes after them. Edges
 * refuse a tenant whose plan or shared upstream they do not know until it comes.
 */
export function publishSteps(
  documents: readonly BuiltDocument[],
): readonly (readonly BuiltDocument[])[] {
  const steps: [BuiltDocument[], BuiltDocument[], BuiltDocument[]] = [[], [], []];
  for (const document of documents) {
    const { kind, deleted } = document;
    if (!isNeededByTenants(kind)) steps[1].push(document);
    else if (deleted) steps[2].push(document);
    else steps[0].push(document);
  }
  return steps;
}
