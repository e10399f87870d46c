export {
  ERRORS,
  problemType,
  type ErrorCode,
  type ErrorDefinition,
  type ErrorSource,
  type RetryClass,
} from './errors.ts';
export { createProblem, PROBLEM_MEDIA_TYPE, type Problem, type ProblemFault } from './problem.ts';
