import { hash } from 'node:crypto';
import { ACCESS_TOKEN_PREFIX, AccessToken, AccessTokenId, AccessTokenSpec } from '@headgate/model';
import { z } from 'zod';
import { defineOperation, NOTHING, type Operation, type SuccessReply } from '../http/operation.ts';
import { decodeCursor, PageQuery, pageOf, toPage } from '../http/pagination.ts';
import { problem } from '../http/problems.ts';
import { keepWith } from '../idempotency/keep-with.ts';
import type { StoredToken } from '../store/access-tokens.ts';
import type { ApiContext } from './api-context.ts';

const COLLECTION = '/v1/access-tokens';
const Params = z.strictObject({ accessTokenId: AccessTokenId });
const COMMON = { tag: 'access token', permission: 'tokens.manage' } as const;
/** 32 bytes are 43 characters in base64url. */
const SECRET_BYTES = 32;
const HINT_CHARS = 10;

const TokenReply = AccessToken.extend({
  createdAt: z.iso.datetime(),
  createdBy: z.string().describe('Who made it, as the audit names people and programs.'),
});
const EXAMPLE_SPEC = { name: 'Deploys', role: 'tenant_admin', tenants: ['acme'] } as const;
const EXAMPLE = {
  ...EXAMPLE_SPEC,
  ...{ id: 'acme-ci', hint: 'hgt_Zm9vYm', createdBy: 'admin' },
  createdAt: '2026-01-01T00:00:00.000Z',
};

/** Operations on access tokens. A token is shown in the reply that creates it; its hash is kept. */
export function accessTokenOperations(context: ApiContext): Operation[] {
  return [defineList(context), defineGet(context), defineCreate(context), defineRevoke(context)];
}

function defineList({ store }: ApiContext): Operation {
  return defineOperation(
    {
      method: 'GET',
      path: COLLECTION,
      operationId: 'listAccessTokens',
      summary: 'List access tokens in the order of their ids, expired ones too',
      ...COMMON,
      params: NOTHING,
      query: PageQuery,
      body: null,
      responses: {
        200: {
          description: 'A page.',
          schema: pageOf(TokenReply),
          example: { items: [EXAMPLE], nextCursor: null },
        },
      },
      errors: [],
    },
    async ({ session, query: { limit, cursor } }) => {
      const after = cursor === undefined ? null : decodeCursor(cursor);
      const found = await store.as(session).tokens.list({ limit: limit + 1, after });
      return { status: 200, body: toPage(found.map(present), limit, ({ id }) => id) };
    },
  );
}

function defineGet({ store }: ApiContext): Operation {
  return defineOperation(
    {
      method: 'GET',
      path: `${COLLECTION}/{accessTokenId}`,
      operationId: 'getAccessToken',
      summary: 'Get an access token, without the token itself',
      ...COMMON,
      params: Params,
      query: NOTHING,
      body: null,
      responses: {
        200: { description: 'The access token.', schema: TokenReply, example: EXAMPLE },
      },
      errors: ['HG_API_NOT_FOUND'],
    },
    async ({ session, params: { accessTokenId } }) => {
      const found = await store.as(session).tokens.get(accessTokenId);
      return found === null ? unknown(accessTokenId) : { status: 200, body: present(found) };
    },
  );
}

function defineCreate({ store, randomBytes }: ApiContext): Operation {
  const schema = TokenReply.extend({
    token: z.string().describe('The token itself. It is shown this once and cannot be read again.'),
  });
  const token = `${ACCESS_TOKEN_PREFIX}${'Zm9vYmFy'.padEnd(43, 'A')}`;
  return defineOperation(
    {
      method: 'POST',
      path: `${COLLECTION}/{accessTokenId}`,
      operationId: 'createAccessToken',
      summary: 'Create an access token',
      ...COMMON,
      isSecret: true,
      params: Params,
      query: NOTHING,
      body: AccessTokenSpec,
      bodyExample: EXAMPLE_SPEC,
      responses: {
        201: {
          description: 'Created. This reply is the only one that holds the token.',
          schema,
          example: { ...EXAMPLE, token },
        },
      },
      errors: ['HG_API_CONFLICT'],
    },
    async ({ session, params: { accessTokenId: id }, body: spec }) => {
      const secret = ACCESS_TOKEN_PREFIX + randomBytes(SECRET_BYTES).toString('base64url');
      const sha256 = hash('sha256', secret);
      const hint = secret.slice(0, HINT_CHARS);
      const replyTo = (stored: StoredToken): SuccessReply => ({
        status: 201,
        body: { ...present(stored), token: secret },
      });
      const keep = keepWith(session, replyTo);
      const created = await store.as(session).tokens.create({ id, spec, sha256, hint }, keep);
      if (created === null) {
        const rule = `there is an access token "${id}" already; revoke it or choose another id`;
        return problem('HG_API_CONFLICT', { errors: [{ path: '', rule }] });
      }
      return replyTo(created);
    },
  );
}

function defineRevoke({ store }: ApiContext): Operation {
  return defineOperation(
    {
      method: 'DELETE',
      path: `${COLLECTION}/{accessTokenId}`,
      operationId: 'revokeAccessToken',
      summary: 'Revoke an access token; the next request with it gets 401',
      ...COMMON,
      params: Params,
      query: NOTHING,
      body: null,
      responses: { 204: { description: 'Revoked.' } },
      errors: ['HG_API_NOT_FOUND'],
    },
    async ({ session, params: { accessTokenId } }) => {
      const keep = keepWith(session, () => ({ status: 204 }));
      const revoked = await store.as(session).tokens.revoke(accessTokenId, keep);
      return revoked ? { status: 204 } : unknown(accessTokenId);
    },
  );
}

function present({ expiresAt, createdAt, ...token }: StoredToken) {
  return {
    ...token,
    ...(expiresAt === null ? {} : { expiresAt: expiresAt.toISOString() }),
    createdAt: createdAt.toISOString(),
  };
}

function unknown(id: string) {
  return problem('HG_API_NOT_FOUND', { detail: `there is no access token "${id}"` });
}
