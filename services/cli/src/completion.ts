import type { Command, Option } from 'commander';
import { KIND_NAMES } from './resource-kinds.ts';

/** Shells that {@link completionScript} writes for. */
export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

/** A command as shells complete it. */
interface Level {
  /** Names from the root on: empty for it, `key create`. */
  readonly path: string;
  /** Commands below it, and values of its first argument, with what they mean. */
  readonly words: readonly Described[];
  readonly options: readonly Option[];
}

interface Described {
  readonly name: string;
  readonly description: string;
}

/** A script that completes commands, options, and values of options that have a choice; everything else as a file. */
export function completionScript(program: Command, shell: Shell): string {
  const levels = levelsOf(program, '', []);
  switch (shell) {
    case 'bash':
      return bashScript(levels);
    case 'zsh':
      return zshScript(levels);
    case 'fish':
      return fishScript(levels);
  }
}

function levelsOf(command: Command, path: string, inherited: readonly Option[]): Level[] {
  const options = [...command.options, ...inherited].filter(
    (option, index, all) => all.findIndex(({ long }) => long === option.long) === index,
  );
  const words = [
    ...command.commands.map((one) => ({ name: one.name(), description: one.description() })),
    ...argumentWords(command),
  ];
  const below = command.commands.flatMap((one) =>
    levelsOf(
      one,
      `${path} ${one.name()}`.trim(),
      options.filter(({ long }) => long !== '--version'),
    ),
  );
  return [{ path, words, options }, ...below];
}

function argumentWords(command: Command): Described[] {
  const [argument] = command.registeredArguments;
  if (argument?.name() === 'kind') {
    return KIND_NAMES.map((name) => ({ name, description: `all ${name}` }));
  }
  const choices = argument?.argChoices ?? [];
  return choices.map((name) => ({ name, description: argument?.description ?? '' }));
}

function flagsOf({ short, long }: Option): string[] {
  return [short ?? [], long ?? []].flat();
}

/** Options with a value, by what the value can be. */
function valued(levels: readonly Level[]): ReadonlyMap<string, readonly Option[]> {
  const options = levels.flatMap((level) => level.options).filter(({ required }) => required);
  return Map.groupBy(options, ({ argChoices = [] }) => argChoices.join(' '));
}

const ESCAPE = /['\\]/g;
const quote = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;

/** Finds out which command the words before the cursor name, in `at`; the same in bash and zsh. */
function walk(levels: readonly Level[]): string[] {
  const steps = levels
    .filter(({ path }) => path !== '')
    .map(({ path }) => {
      const parent = path.includes(' ') ? path.slice(0, path.lastIndexOf(' ')) : '';
      const name = path.slice(path.lastIndexOf(' ') + 1);
      return `      ${quote(`${parent}/${name}`)}) at=${quote(path)} ;;`;
    });
  return ['    case "$at/$word" in', ...steps, '    esac'];
}

function casesOf(levels: readonly Level[], line: (option: string) => string): string[] {
  return [...valued(levels)].map(([choices, options]) => {
    const flags = [...new Set(options.flatMap(flagsOf))];
    return `    ${flags.join('|')}) ${line(choices)} ;;`;
  });
}

function bashScript(levels: readonly Level[]): string {
  const words = levels.map(({ path, words: names, options }) => {
    const all = [...names.map(({ name }) => name), ...options.flatMap(flagsOf), '--help'];
    return `    ${quote(path)}) words=${quote(all.join(' '))} ;;`;
  });
  return [
    '# bash completion of headgate; load it with: source <(headgate completion bash)',
    '_headgate() {',
    '  local at= word words= i current=${COMP_WORDS[COMP_CWORD]}',
    '  for ((i = 1; i < COMP_CWORD; i++)); do',
    '    word=${COMP_WORDS[i]}',
    ...walk(levels),
    '  done',
    '  case "$at" in',
    ...words,
    '  esac',
    '  case "${COMP_WORDS[COMP_CWORD-1]}" in',
    ...casesOf(levels, (choices) => `words=${quote(choices)}`),
    '  esac',
    '  COMPREPLY=($(compgen -W "$words" -- "$current"))',
    '}',
    // Without a word that fits: a file.
    'complete -o default -F _headgate headgate',
  ].join('\n');
}

function zshScript(levels: readonly Level[]): string {
  const describe = ({ name, description }: Described) =>
    quote(`${name}:${description.replaceAll(':', ' ')}`);
  const words = levels.map(({ path, words: names, options }) => {
    const flags = options.flatMap((option) =>
      flagsOf(option).map((name) => ({ name, description: option.description })),
    );
    return `    ${quote(path)}) found=(${[...names, ...flags].map(describe).join(' ')}) ;;`;
  });
  return [
    '#compdef headgate',
    '# zsh completion of headgate; load it with: source <(headgate completion zsh)',
    '_headgate() {',
    '  local at= word',
    '  local -a found',
    '  for word in ${words[2,CURRENT-1]}; do',
    ...walk(levels),
    '  done',
    '  case "${words[CURRENT-1]}" in',
    ...casesOf(levels, (choices) => `${choices === '' ? '_files' : `compadd ${choices}`}; return`),
    '  esac',
    '  case "$at" in',
    ...words,
    '  esac',
    '  if (( $#found )); then _describe headgate found; else _files; fi',
    '}',
    'compdef _headgate headgate',
  ].join('\n');
}

function fishScript(levels: readonly Level[]): string {
  const text = (value: string) => `'${value.replaceAll(ESCAPE, '\\$&')}'`;
  const lines = levels.flatMap(({ path, words, options }) => {
    const prefix = `complete -c headgate -n ${text(`test (__headgate_at) = "${path}"`)}`;
    return [
      ...words.map(({ name, description }) => `${prefix} -f -a ${name} -d ${text(description)}`),
      ...options.map((option) => {
        const short = option.short ? ` -s ${option.short.slice(1)}` : '';
        const long = option.long ? ` -l ${option.long.slice(2)}` : '';
        const choices = option.argChoices ? ` -f -a ${text(option.argChoices.join(' '))}` : '';
        const value = option.required ? ` -r${choices}` : '';
        return `${prefix}${short}${long}${value} -d ${text(option.description)}`;
      }),
    ];
  });
  const paths = levels.map(({ path }) => path).filter((path) => path !== '');
  return [
    '# fish completion of headgate; load it with: headgate completion fish | source',
    'function __headgate_at',
    '  set -l at ""',
    '  for word in (commandline -opc)[2..-1]',
    '    set -l next (string trim -- "$at $word")',
    `    if contains -- "$next" ${paths.map(text).join(' ')}`,
    '      set at $next',
    '    end',
    '  end',
    '  echo $at',
    'end',
    ...lines,
  ].join('\n');
}
