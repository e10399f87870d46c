// Health check of a service's container: exit code 0 if its admin listener says that it is ready.
const [, port = '9090'] = /:?(\d+)$/.exec(process.env.HEADGATE_ADMIN_LISTEN ?? '') ?? [];
try {
  const reply = await fetch(`http://127.0.0.1:${port}/readyz`, {
    signal: AbortSignal.timeout(2500),
  });
  if (!reply.ok) process.stdout.write(`${reply.status} ${await reply.text()}\n`);
  process.exitCode = reply.ok ? 0 : 1;
} catch (error) {
  process.stdout.write(`${error}\n`);
  process.exitCode = 1;
}
