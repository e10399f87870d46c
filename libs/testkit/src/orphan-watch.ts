const CHECK_INTERVAL_MS = 200;

let watching = false;

/**
 * Ends this process soon after its parent has died, when it is a test file that `node --test`
 * started. Without it a SIGKILLed runner leaves its test files running to their end, and with
 * them the servers that they started. Does nothing in other processes.
 */
export function endWithTestRunner(): void {
  if (watching || process.env['NODE_TEST_CONTEXT'] === undefined) return;
  watching = true;
  const parent = process.ppid;
  setInterval(() => {
    if (process.ppid !== parent) process.kill(process.pid, 'SIGKILL');
  }, CHECK_INTERVAL_MS).unref();
}
