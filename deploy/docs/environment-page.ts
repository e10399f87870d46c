import { z } from 'zod';
import { code, markdownTable, pageHead } from './markdown.ts';
import { inputSchema, rangeOf, type JsonSchema } from './schema-rows.ts';
import { loadEnvironmentSchema, PROGRAMS } from './service-environments.ts';

/** Read by the OpenTelemetry set-up of every service (libs/telemetry). */
const TRACING = [
  [
    '`OTEL_EXPORTER_OTLP_ENDPOINT`',
    '',
    'none',
    'Base URL of an OTLP/HTTP receiver; tracing is off without it.',
  ],
  [
    '`OTEL_TRACES_SAMPLER_ARG`',
    '0 to 1',
    'see the service',
    'Share of new traces that are recorded.',
  ],
];

/** `docs/reference/environment.md`, from the environment schemas of the services. */
export async function renderEnvironmentPage(): Promise<string> {
  const intro =
    'Each variable is read once, at the start. An invalid value ends the program with exit code 1 and one clear line;\n' +
    'an unknown `HEADGATE_…` variable gives a warning.';
  const columns = ['variable', 'range', 'default', 'meaning'];
  const sections = [pageHead('Environment variables', intro)];
  for (const program of PROGRAMS) {
    const rows = variableRows(await loadEnvironmentSchema(program));
    sections.push(`## ${program}\n\n${markdownTable(columns, rows)}`);
  }
  sections.push(`## All services: tracing\n\n${markdownTable(columns, TRACING)}`);
  return sections.join('\n');
}

/** Ranges stand in the output schema (the input is text), defaults and meanings in the input schema. */
function variableRows(schema: z.ZodObject): string[][] {
  const output = z.toJSONSchema(schema, { io: 'output', unrepresentable: 'any' }) as JsonSchema;
  const input = inputSchema(schema);
  return Object.entries(input.properties ?? {})
    .filter(([name]) => !name.startsWith('OTEL_'))
    .map(([name, field]) => {
      const parsed = output.properties?.[name] ?? {};
      const choices = (parsed.enum ?? []).map((value) => code(String(value))).join(', ');
      return [
        code(name),
        choices === '' ? rangeOf(parsed, name) : choices,
        defaultText(field, input.required?.includes(name) === true),
        field.description ?? '',
      ];
    });
}

function defaultText(field: JsonSchema, required: boolean): string {
  // Depends on the machine, so the schema's value here would differ from machine to machine.
  if (/default:/.test(field.description ?? '')) return 'see meaning';
  if (field.default === undefined) return required ? '**required**' : 'none';
  return code(settingText(field.default));
}

/** A default as one would write it in the variable. */
function settingText(value: unknown): string {
  if (Array.isArray(value)) return value.map(settingText).join(',') || '(empty)';
  if (typeof value !== 'object' || value === null) return String(value);
  const { host, port } = value as { host?: unknown; port?: unknown };
  return `${String(host)}:${String(port)}`;
}
