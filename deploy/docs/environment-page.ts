import { z } from 'zod';
import { code, markdownTable, pageHead } from './markdown.ts';
import { fieldRows, inputSchema } from './schema-rows.ts';
import { loadEnvironmentSchema, PROGRAMS } from './service-environments.ts';

/** `docs/reference/environment.md`, from the environment schemas of the services. */
export async function renderEnvironmentPage(): Promise<string> {
  const intro =
    'Each variable is read once, at the start. An invalid value ends the program with exit code 1 and one clear line;\n' +
    'an unknown `HEADGATE_…` variable gives a warning.';
  const sections = [pageHead('Environment variables', intro)];
  for (const program of PROGRAMS) {
    const rows = variableRows(await loadEnvironmentSchema(program));
    sections.push(
      `## ${program}\n\n${markdownTable(['variable', 'range', 'default', 'meaning'], rows)}`,
    );
  }
  return sections.join('\n');
}

/** Ranges stand in the output schema (the input is text), defaults and meanings in the input schema. */
function variableRows(schema: z.ZodObject): string[][] {
  const output = z.toJSONSchema(schema, { io: 'output', unrepresentable: 'any' });
  const input = inputSchema(schema);
  const properties = Object.fromEntries(
    Object.entries(input.properties ?? {}).map(([name, field]) => [
      name,
      { ...(output.properties?.[name] as object | undefined), ...field },
    ]),
  );
  return fieldRows({ ...input, properties })
    .filter(([name = '']) => /^`[A-Z0-9_]+`$/.test(name))
    .map(([name = '', , range = '', standard = '', meaning = '']) => [
      name,
      range,
      standard,
      meaning,
    ]);
}
