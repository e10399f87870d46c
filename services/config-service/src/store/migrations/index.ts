import type { Migration } from 'kysely/migration';
import { initialSchema } from './0001-initial.ts';
import { historySchema } from './0002-history.ts';
import { accessTokensSchema } from './0003-access-tokens.ts';
import { keptRepliesSchema } from './0004-kept-replies.ts';
import { listFiltersSchema } from './0005-list-filters.ts';
import { rowLevelSecuritySchema } from './0006-row-level-security.ts';
import { rolloutsSchema } from './0007-rollouts.ts';
import { declarationSchema } from './0008-declaration.ts';
import { declarationRevisionSchema } from './0009-declaration-revision.ts';
import { sharedUpstreamsSchema } from './0010-shared-upstreams.ts';
import { jwtIssuersSchema } from './0011-jwt-issuers.ts';
import { certificatesSchema } from './0012-certificates.ts';

/** Every migration by name, in the order of the names. A released migration never changes. */
export const MIGRATIONS: Readonly<Record<string, Migration>> = {
  '0001-initial': initialSchema,
  '0002-history': historySchema,
  '0003-access-tokens': accessTokensSchema,
  '0004-kept-replies': keptRepliesSchema,
  '0005-list-filters': listFiltersSchema,
  '0006-row-level-security': rowLevelSecuritySchema,
  '0007-rollouts': rolloutsSchema,
  '0008-declaration': declarationSchema,
  '0009-declaration-revision': declarationRevisionSchema,
  '0010-shared-upstreams': sharedUpstreamsSchema,
  '0011-jwt-issuers': jwtIssuersSchema,
  '0012-certificates': certificatesSchema,
};
