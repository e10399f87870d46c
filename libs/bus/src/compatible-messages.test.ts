import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { z } from 'zod';
import { DigestMessage } from './config-digest.ts';
import {
  ConfigAckBatch,
  GetReplyHead,
  GetRequest,
  ListReply,
  ListRequest,
} from './config-messages.ts';
import { parseMessage } from './parse-message.ts';
import { EdgePresence, PresenceMessage } from './presence-messages.ts';

// Messages as 0.1.0 wrote them: builds are mixed while a cluster is upgraded. They are never changed and never deleted.

const EDGE =
  '{"zone":"","revision":12,"documents":3,"synced":true,"rejected":[{"key":"tenant.acme","revision":12,"reason":"no plan"}],"startedAt":1795230000000,"version":"0.1.0","adminAddress":"127.0.0.1:9901"}';

const MESSAGES: readonly (readonly [name: string, schema: z.ZodType, text: string])[] = [
  [
    'digest',
    DigestMessage,
    `{"v":1,"epoch":"55ca4d7f-5d6a-4715-8588-3cf6cd2ead5e","revision":12,"count":1,"buckets":[${'"0000000000000000",'.repeat(63)}"720ab7bbe7b0704c"]}`,
  ],
  ['request for a list', ListRequest, '{"v":1,"bucket":46,"after":null}'],
  [
    'list',
    ListReply,
    '{"v":1,"epoch":"55ca4d7f","revision":12,"entries":[["plan.gold",1],["tenant.acme",12]],"next":"tenant.acme"}',
  ],
  ['request for documents', GetRequest, '{"v":1,"keys":["tenant.acme"]}'],
  [
    'head of documents',
    GetReplyHead,
    '{"v":1,"documents":[["tenant.acme",310]],"remaining":["plan.gold"]}',
  ],
  [
    'acknowledgements',
    ConfigAckBatch,
    '{"v":1,"edgeId":"edge-1","acks":[{"key":"tenant.acme","revision":12,"outcome":"rejected","reason":"no plan","at":1795230000000},{"key":"plan.gold","revision":1,"outcome":"applied","at":1795230000000}]}',
  ],
  ['heartbeat', PresenceMessage, `{"v":1,"id":"edge-1","leaving":false,"info":${EDGE}}`],
];

for (const [name, schema, text] of MESSAGES) {
  test(`${name} of 0.1.0 is understood, and so is one with what a later release adds`, () => {
    const earlier = parseMessage(schema, Buffer.from(text));
    assert.ok(earlier.ok);
    assert.deepEqual(earlier.value, JSON.parse(text), 'nothing of it is lost');
    const later = parseMessage(
      schema,
      Buffer.from(text.replace('{"v":1,', '{"v":1,"later":{"a":1},')),
    );
    assert.deepEqual(later, earlier);
  });
}

test('an edge of 0.1.0 knows no rings, has one worker, and does not tell what it has loaded', () => {
  const edge = EdgePresence.parse(JSON.parse(EDGE));
  assert.deepEqual(edge, { ...(JSON.parse(EDGE) as object), workers: 1 });
});
