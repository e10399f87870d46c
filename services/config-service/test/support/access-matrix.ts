import { createSend, type ApiReply, type TestApi } from './api.ts';
import {
  createFixtures,
  MARKS,
  TARGETS,
  type Asker,
  type Fixtures,
  type Target,
} from './access-fixtures.ts';
import { readOperations, requestsOf, type MatrixOperation } from './access-requests.ts';

/** How often something is read before its failure counts; each attempt takes the 1.8 s that a request has. */
const ATTEMPTS_MAX = 10;

/** What {@link checkAccess} found. */
export interface AccessReport {
  readonly requests: number;
  /** Ids of the operations asked for. */
  readonly operations: readonly string[];
  /** Each rule that was broken, and who asked what. */
  readonly findings: readonly string[];
}

/** What {@link checkAccess} asks. */
export interface AccessQuestions {
  /** Which operations; default: all. */
  readonly isAsked?: (operationId: string) => boolean;
  /** As whom; default: everybody. */
  readonly isAsker?: (asker: Asker) => boolean;
  /**
   * Whether the application lets everybody pass: what a role may not do then need not be answered by 403,
   * but still changes and tells nothing.
   */
  readonly firstWallIsDown?: boolean;
}

/** What an asker is to get: this status, or something that works for the asker's tenants. */
type Expectation = 401 | 403 | 'no harm' | 'works';

/**
 * Asks for every operation of the OpenAPI document as everybody, for the asker's own tenant, a foreign
 * one and one that does not exist. What is expected follows from the document alone:
 *
 * - without a valid token 401, with a role that `x-headgate-roles` does not name 403, and nothing changes;
 * - of a tenant-bound token for a foreign tenant the very reply that it gets for a tenant that does not
 *   exist, and nothing changes;
 * - in no reply to a tenant-bound token is a byte of the foreign tenant's ids and values;
 * - all else works: a refusal is never that of a request that nobody could make.
 */
export async function checkAccess(
  api: TestApi,
  questions: AccessQuestions = {},
): Promise<AccessReport> {
  const { isAsked = () => true, isAsker = () => true, firstWallIsDown = false } = questions;
  const document: unknown = await (await fetch(`${api.url}/openapi.json`)).json();
  const described = readOperations(document);
  const operations = described.filter(({ operationId }) => isAsked(operationId));
  const { fixtures, askers } = await createFixtures(api, described);
  const findings: string[] = [];
  let requests = 0;
  let state = await fixtures.digest();
  for (const asker of askers.filter(isAsker)) {
    for (const operation of operations) {
      const found = await checkOperation(api, fixtures, asker, operation, {
        firstWallIsDown,
        state,
      });
      state = found.state;
      requests += found.requests;
      findings.push(...found.findings);
    }
  }
  return { requests, operations: operations.map(({ operationId }) => operationId), findings };
}

async function checkOperation(
  api: TestApi,
  fixtures: Fixtures,
  asker: Asker,
  operation: MatrixOperation,
  /** `state` is the digest of what the operation before has left. */
  { firstWallIsDown, state }: { readonly firstWallIsDown: boolean; readonly state: string },
) {
  const told = expectationOf(asker, operation);
  const expected = firstWallIsDown && told === 403 ? 'no harm' : told;
  const findings: string[] = [];
  const tell = (what: string) =>
    findings.push(`${asker.name}, ${operation.operationId}: ${what.slice(0, 500)}`);
  const replies = new Map<Target, readonly Reply[]>();
  const isWrite = operation.method !== 'get' && expected === 'works';
  let before = state;
  for (const target of TARGETS) {
    const sent = await sendAll(api, fixtures, asker, operation, target);
    replies.set(target, sent);
    for (const fault of faultsOf(sent, asker, operation, target, expected)) {
      tell(`${target}: ${fault}`);
    }
    if (!isWrite || !(target === 'own' || asker.isOfAll)) continue;
    await fixtures.restore();
    before = await fixtures.digest();
  }
  const after = await fixtures.digest();
  if (before !== after) tell('changed something');
  const [foreign = [], missing = []] = [replies.get('foreign'), replies.get('missing')];
  foreign.forEach((theirs, index) => {
    if (asker.isOfAll) return;
    const none = missing[index];
    const isSame =
      theirs.asked === none?.asked ? theirs.text === none.text : theirs.neutral === none?.neutral;
    if (!isSame) tell(`existence is told: ${theirs.text} / ${String(none?.text)}`);
  });
  return { requests: replies.size * foreign.length, findings, state: after };
}

function expectationOf({ role }: Asker, operation: MatrixOperation): Expectation {
  if (operation.security?.length === 0) return 'works';
  if (role === null) return 401;
  return operation['x-headgate-roles']?.includes(role) === true ? 'works' : 403;
}

/** What is wrong with the replies for one target, taken for themselves; the last one is the plain one. */
function faultsOf(
  replies: readonly Reply[],
  asker: Asker,
  operation: MatrixOperation,
  target: Target,
  expected: Expectation,
): string[] {
  const faults: string[] = [];
  for (const { status, text } of replies) {
    if (status >= 500) faults.push(`failed: ${text}`);
    if (typeof expected === 'number' && status !== expected)
      faults.push(`not ${expected}: ${text}`);
    // What a request about the foreign tenant itself says is compared with that about the missing one.
    const isForeign = target !== 'foreign' && text.includes(MARKS.foreign);
    if (!asker.isOfAll && isForeign) faults.push(`leaks: ${text}`);
  }
  const plain = replies.at(-1);
  if (plain === undefined) return ['nothing was asked'];
  const { status, text } = plain;
  const mustWork = target === 'own' || (target === 'foreign' && asker.isOfAll);
  if (expected !== 'works' || !mustWork) return faults;
  if (!(status < 400 || status === 409)) faults.push(`does not work: ${text}`);
  if (isOverview(operation)) {
    const shown = asker.isOfAll ? [MARKS.own, MARKS.foreign] : [MARKS.own];
    if (!shown.every((mark) => text.includes(mark))) faults.push(`shows too little: ${text}`);
  }
  return faults;
}

/** Whether an operation reads across tenants: there must be something to be left out. */
function isOverview({ path, ...operation }: MatrixOperation): boolean {
  return operation['x-headgate-permission'] === 'shared.read' && !path.includes('{');
}

interface Reply {
  readonly status: number;
  readonly text: string;
  readonly asked: string;
  /** Status, headers and body without what names the request, the tenant or its revision. */
  readonly neutral: string;
}

async function sendAll(
  api: TestApi,
  fixtures: Fixtures,
  asker: Asker,
  operation: MatrixOperation,
  target: Target,
): Promise<readonly Reply[]> {
  const revision = fixtures.revisionOf(target);
  const send = createSend(api.url, asker.token);
  const replies: Reply[] = [];
  for (const { path, body } of requestsOf(operation, MARKS[target], revision, asker.isOfAll)) {
    const ask = () => send(operation.method.toUpperCase(), path, body);
    const reply = await (operation.method === 'get' ? untilStoreAnswers(ask) : ask());
    const headers = [...reply.headers].filter(([name]) => !/^(date|x-|content-len)/.test(name));
    const { requestId: _, ...members } = reply.body;
    const text = JSON.stringify([reply.status, Object.fromEntries(headers), members]);
    const neutral = text.replaceAll(MARKS[target], 'MARK').replaceAll(String(revision), 'REVISION');
    const asked = JSON.stringify([path, body]);
    replies.push({ status: reply.status, text, asked, neutral });
  }
  return replies;
}

/** Reads again what the database of a machine with much else to do had no time for, as clients are told to. */
async function untilStoreAnswers(ask: () => Promise<ApiReply>): Promise<ApiReply> {
  for (let attempt = 1; ; attempt += 1) {
    const reply = await ask();
    const isLate = reply.status === 503 && reply.headers.has('retry-after');
    if (!isLate || attempt === ATTEMPTS_MAX) return reply;
  }
}
