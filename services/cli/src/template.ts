import { describeFaults, type Fault } from '@headgate/model';
import { z } from 'zod';
import type { BundleSource } from './bundle-source.ts';
import { CliError, EXIT } from './cli-error.ts';
import { faultsError } from './faults.ts';

const Scalar = z.union([z.string(), z.number(), z.boolean()]);
type Scalar = z.infer<typeof Scalar>;

/** What a template asks for. */
const Parameter = z.strictObject({
  description: z.string().optional(),
  type: z.enum(['string', 'integer', 'boolean']).default('string'),
  default: Scalar.optional(),
  enum: z.array(Scalar).min(1).max(256).optional(),
  pattern: z
    .string()
    .refine(isPattern, { error: 'must be a regular expression' })
    .optional()
    .describe('Matches the whole value.'),
});
type Parameter = z.infer<typeof Parameter>;

const PARAMETER_NAME = /^[a-zA-Z][a-zA-Z0-9_]{0,62}$/;
/** Given by the command itself. */
const TENANT_PARAMETER = 'tenant';

const Template = z.strictObject({
  apiVersion: z.literal('headgate/v1'),
  parameters: z
    .record(
      z.string().regex(PARAMETER_NAME, 'must be a letter, then up to 62 of a-z, A-Z, 0-9 and "_"'),
      Parameter,
    )
    .default({}),
  tenant: z.record(z.string(), z.unknown()),
});

/** A reference, or `$${` for a text that is no reference. */
const REFERENCE = /\$?\$\{([^}]*)\}/g;

/**
 * Makes a bundle of one tenant out of a template: `${name}` in its texts becomes the value of the parameter, which stays a
 * number or boolean where nothing else stands in the text. Values are put into the parsed file, so that none can add to it.
 *
 * @param given values by parameter, as written on the command line.
 * @returns the bundle; faults in it are located in the template.
 * @throws CliError that lists every fault of the template and the values.
 */
export function renderTemplate(
  source: BundleSource,
  tenantId: string,
  given: ReadonlyMap<string, string>,
): BundleSource {
  const parsed = Template.safeParse(source.value);
  if (!parsed.success) {
    const faults = describeFaults(parsed.error, source.value);
    throw faultsError(EXIT.failure, `${source.name} is not a valid template`, faults, source);
  }
  const { parameters, tenant } = parsed.data;
  const values = readValues(source, parameters, given);
  values.set(TENANT_PARAMETER, tenantId);
  const faults: Fault[] = [];
  const used = new Set<string>();
  if (Object.hasOwn(parameters, TENANT_PARAMETER)) {
    const rule = 'is the id on the command line always; remove it';
    faults.push({ path: `parameters.${TENANT_PARAMETER}`, rule });
    used.add(TENANT_PARAMETER);
  }
  const rendered = substitute(tenant, 'tenant', { values, faults, used });
  for (const name of Object.keys(parameters)) {
    if (used.has(name)) continue;
    faults.push({ path: `parameters.${name}`, rule: 'is used nowhere; remove it' });
  }
  if (faults.length > 0) {
    throw faultsError(EXIT.failure, `${source.name} is not a valid template`, faults, source);
  }
  const prefix = `tenants.${tenantId}`;
  return {
    name: source.name,
    value: { apiVersion: 'headgate/v1', tenants: { [tenantId]: rendered } },
    locate: (path) =>
      source.locate(path.startsWith(prefix) ? `tenant${path.slice(prefix.length)}` : 'tenant'),
  };
}

/** @throws CliError that names all values that are missing, unknown or do not fit. */
function readValues(
  source: BundleSource,
  parameters: Readonly<Record<string, Parameter>>,
  given: ReadonlyMap<string, string>,
): Map<string, Scalar> {
  const values = new Map<string, Scalar>();
  const lines: string[] = [];
  for (const name of given.keys()) {
    if (!Object.hasOwn(parameters, name)) lines.push(`${name}: the template has no such parameter`);
  }
  for (const [name, parameter] of Object.entries(parameters)) {
    const text = given.get(name);
    const value = text === undefined ? parameter.default : readScalar(parameter, text);
    const about = parameter.description === undefined ? '' : ` (${parameter.description})`;
    const fault = value === undefined ? 'is missing' : faultOf(parameter, value);
    if (fault === null && value !== undefined) values.set(name, value);
    else lines.push(`${name}${about}: ${fault ?? ''}`);
  }
  if (lines.length === 0) return values;
  const names = Object.keys(parameters).join(', ');
  throw new CliError(EXIT.usage, `the values do not fit ${source.name}`, [
    ...lines,
    `Set them with --set NAME=VALUE; parameters: ${names === '' ? 'none' : names}`,
  ]);
}

/** As a value of the type; the text itself if it is none, for {@link faultOf} to find. */
function readScalar({ type }: Parameter, text: string): Scalar {
  if (type === 'integer' && /^-?\d{1,15}$/.test(text)) return Number(text);
  if (type === 'boolean' && (text === 'true' || text === 'false')) return text === 'true';
  return text;
}

function faultOf(parameter: Parameter, value: Scalar): string | null {
  const { type, pattern, enum: choices } = parameter;
  const isOfType = type === 'integer' ? Number.isSafeInteger(value) : typeof value === type;
  const shown = JSON.stringify(value);
  if (!isOfType) return `${shown} is not of type ${type}`;
  if (choices !== undefined && !choices.includes(value)) {
    return `${shown} is not one of ${choices.join(', ')}`;
  }
  if (pattern !== undefined && !new RegExp(`^(?:${pattern})$`, 'u').test(String(value))) {
    return `${shown} does not match ${pattern}`;
  }
  return null;
}

interface Substitution {
  readonly values: ReadonlyMap<string, Scalar>;
  readonly faults: Fault[];
  readonly used: Set<string>;
}

function substitute(node: unknown, path: string, state: Substitution): unknown {
  if (typeof node === 'string') return substituteText(node, path, state);
  if (Array.isArray(node)) {
    return node.map((item, index) => substitute(item, `${path}[${index}]`, state));
  }
  if (typeof node !== 'object' || node === null) return node;
  const entries = Object.entries(node).map(([key, value]) => {
    const inner = `${path}.${key}`;
    if (key.includes('${')) state.faults.push({ path: inner, rule: 'a name cannot hold ${…}' });
    return [key, substitute(value, inner, state)] as const;
  });
  return Object.fromEntries(entries);
}

function substituteText(text: string, path: string, state: Substitution): Scalar {
  const valueOf = (name: string): Scalar => {
    const value = state.values.get(name);
    state.used.add(name);
    if (value !== undefined) return value;
    const rule = `there is no parameter "${name}"; add it to parameters`;
    state.faults.push({ path, value: text, rule });
    return '';
  };
  const whole = /^\$\{([^}]*)\}$/.exec(text)?.[1];
  if (whole !== undefined) return valueOf(whole);
  return text.replaceAll(REFERENCE, (reference, name: string) =>
    reference.startsWith('$$') ? reference.slice(1) : String(valueOf(name)),
  );
}

function isPattern(text: string): boolean {
  try {
    new RegExp(text, 'u');
    return true;
  } catch {
    return false;
  }
}
