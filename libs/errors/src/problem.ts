import { ERRORS, problemType, type ErrorCode } from './errors.ts';

/** One fault of a refused resource. */
export interface ProblemFault {
  /** Where, as a dotted path: `routes[0].match.path`. Empty for the resource as a whole. */
  readonly path: string;
  /** What was found there, shortened; absent for secrets and for missing values. */
  readonly value?: unknown;
  /** The rule it breaks and what to do. */
  readonly rule: string;
}

/** Body of an RFC 9457 `application/problem+json` reply. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly code: ErrorCode;
  readonly detail?: string;
  readonly requestId?: string;
  readonly errors?: readonly ProblemFault[];
}

/** Media type of {@link Problem}. */
export const PROBLEM_MEDIA_TYPE = 'application/problem+json';

/** Builds the body for a code. */
export function createProblem(
  code: ErrorCode,
  members: Pick<Problem, 'detail' | 'requestId' | 'errors'> = {},
): Problem {
  const definition = ERRORS[code];
  return {
    type: problemType(code),
    title: definition.title,
    status: definition.status,
    code,
    ...members,
  };
}
