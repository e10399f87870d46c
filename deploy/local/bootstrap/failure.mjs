/** Something the user has to know and can do something about; printed without a stack. */
export class Failure extends Error {
  /**
   * @param {string} what one sentence: what failed
   * @param {string} remedy what to do about it; may hold several lines
   * @param {number} exitCode
   */
  constructor(what, remedy, exitCode = 1) {
    super(`error: ${what}\n${remedy.replace(/^/gm, '  ')}`);
    this.name = 'Failure';
    this.exitCode = exitCode;
  }
}
