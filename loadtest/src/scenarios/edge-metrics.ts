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
