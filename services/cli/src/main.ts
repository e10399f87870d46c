import { systemClock } from '@headgate/runtime';
import { endWithReader } from './output-end.ts';
import { runCli } from './run-cli.ts';

endWithReader(process.stdout);
endWithReader(process.stderr);

process.exitCode = await runCli(process.argv.slice(2), {
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
  clock: systemClock,
});
