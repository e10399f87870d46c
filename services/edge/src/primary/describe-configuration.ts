import type { Configuration } from './configuration.ts';

/** Documents that are named. */
const LISTED_DOCUMENTS_MAX = 10_000;

/** What the admin listener says at `/config` of the documents that an edge holds. */
export function describeConfiguration(configuration: Configuration): object {
  const documents: { key: string; revision: number }[] = [];
  for (const [key, revision] of configuration.held()) {
    if (documents.length === LISTED_DOCUMENTS_MAX) break;
    documents.push({ key, revision });
  }
  return {
    total: configuration.size,
    documents,
    undecided: configuration.undecided,
    onProbation: configuration.onProbation().length,
    rejected: configuration.rejected(),
  };
}
