/** Something the user has to know and can do something about; printed without a stack. */
export class Failure extends Error {
  /**
   * @param what one sentence: what failed
   * @param remedy what to do about it; may hold several lines
   * @param exitCode default 1
   */
  constructor(what: string, remedy: string, exitCode?: number);
  readonly exitCode: number;
}
