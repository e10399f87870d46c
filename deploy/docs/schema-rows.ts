import { z } from 'zod';
import { code } from './markdown.ts';

/** The parts of JSON Schema that zod writes for the schemas of this project. */
export interface JsonSchema {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly const?: string | number | boolean | null;
  readonly enum?: readonly unknown[];
  readonly format?: string;
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | JsonSchema;
  readonly propertyNames?: JsonSchema;
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
}

/** JSON Schema of what a user writes (before defaults are filled in). */
export function inputSchema(schema: z.ZodType): JsonSchema {
  // The interface above is a subset of the draft that zod writes.
  return z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as JsonSchema;
}

/** One table row for each field, in depth: field, type, range, default, meaning. */
export function fieldRows(
  schema: JsonSchema,
  prefix = '',
  requiredText = '**required**',
): string[][] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, field]) => {
    const path = prefix + name;
    const required = schema.required?.includes(name) === true;
    const row = [
      code(path),
      typeOf(field),
      rangeOf(field, name),
      required ? requiredText : defaultOf(field),
      field.description ?? '',
    ];
    return [row, ...nestedRows(field, path)];
  });
}

function nestedRows(field: JsonSchema, path: string): string[][] {
  if (field.anyOf !== undefined) {
    return field.anyOf.flatMap((branch) => fieldRows(branch, `${path}.`, '**one of them**'));
  }
  if (field.items?.type === 'object') return fieldRows(field.items, `${path}[].`);
  if (typeof field.additionalProperties === 'object') {
    return fieldRows(field.additionalProperties, `${path}.<id>.`);
  }
  return fieldRows(field, `${path}.`);
}

function typeOf(field: JsonSchema): string {
  if (field.enum !== undefined) return field.enum.map((value) => code(String(value))).join(', ');
  if (field.const !== undefined) return code(String(field.const));
  if (field.anyOf !== undefined) return [...new Set(field.anyOf.map(typeOf))].join(' or ');
  if (field.type === 'array') return `list of ${field.items ? typeOf(field.items) : 'values'}`;
  if (typeof field.additionalProperties === 'object') {
    return `map of ${typeOf(field.additionalProperties)}`;
  }
  return field.format ?? field.type ?? (field.oneOf === undefined ? 'text' : 'object');
}

/** Bounds of a field with their unit; empty if it has none. */
export function rangeOf(field: JsonSchema, name: string): string {
  const unit = unitOf(name);
  if (field.minimum !== undefined || field.maximum !== undefined) {
    return `${between(field.minimum, field.maximum)}${unit}`;
  }
  if (field.minItems !== undefined || field.maxItems !== undefined) {
    return `${between(field.minItems, field.maxItems)} items`;
  }
  if (field.minLength !== undefined || field.maxLength !== undefined) {
    return `${between(field.minLength, field.maxLength)} characters`;
  }
  return '';
}

/** Names end in their unit: `timeoutMs`, `requestBodyBytesMax`. */
function unitOf(name: string): string {
  if (name.endsWith('Ms')) return ' ms';
  return name.includes('Bytes') ? ' bytes' : '';
}

function between(low: number | undefined, high: number | undefined): string {
  const open = high === undefined || high === Number.MAX_SAFE_INTEGER;
  if (open) return `at least ${grouped(low ?? 0)}`;
  return low === undefined ? `up to ${grouped(high)}` : `${grouped(low)} to ${grouped(high)}`;
}

function grouped(value: number): string {
  return value.toLocaleString('en-US');
}

function defaultOf(field: JsonSchema): string {
  return field.default === undefined ? 'none' : code(JSON.stringify(field.default));
}
