/** Sum of all series of a metric of an edge whose labels contain `label`; 0 without any. */
export async function readMetric(admin: string, name: string, label = ''): Promise<number> {
  const text = await (await fetch(`${admin}/metrics`)).text();
  let sum = 0;
  for (const line of text.split('\n')) {
    const [, series, labels = '', value] = /^(\w+)(\{[^}]*\})? (\S+)$/.exec(line) ?? [];
    if (series === name && labels.includes(label)) sum += Number(value);
  }
  return sum;
}

/** How many workers of an edge accept connections. */
export async function listeningWorkers(admin: string): Promise<number> {
  const described = await (await fetch(`${admin}/config`)).json();
  return (described as { workers: { listening: number } }).workers.listening; // of our own edge
}

/** How many workers have ended unexpectedly, for whatever cause. */
export async function endedWorkers(admin: string): Promise<number> {
  return readMetric(admin, 'headgate_worker_restarts_total');
}
