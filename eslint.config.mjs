// Lint rules: typescript-eslint with types, the import rules of ARCHITECTURE.md from Nx tags,
// and the size limits of CONTRIBUTING.md. Prettier owns the layout.
import nx from '@nx/eslint-plugin';
import tseslint from 'typescript-eslint';

/** Layers may import only from the layers listed for them; a test may also import the testkit. */
const layers = [
  ['layer:foundation', ['layer:foundation']],
  ['layer:domain', ['layer:domain', 'layer:foundation']],
  ['layer:adapter', ['layer:adapter', 'layer:domain', 'layer:foundation']],
  ['layer:service', ['layer:adapter', 'layer:domain', 'layer:foundation']],
  ['layer:deploy', ['layer:foundation']],
  ['layer:loadtest', ['layer:adapter', 'layer:domain', 'layer:foundation', 'layer:test']],
  ['layer:test', ['layer:foundation']],
];

/** Client packages that belong to adapters and services; a domain library works without I/O. */
const clientPackages = [
  'ioredis', 'nats', 'undici', 'pino', 'prom-client', 'fastify', 'kysely', 'pg', '@opentelemetry/*',
];

const moduleBoundaries = (withTestkit) => [
  'error',
  {
    enforceBuildableLibDependency: false,
    allow: [],
    depConstraints: [
      ...layers.map(([sourceTag, allowed]) => ({
        sourceTag,
        onlyDependOnLibsWithTags: withTestkit ? [...allowed, 'layer:test'] : allowed,
        ...(sourceTag === 'layer:domain' || sourceTag === 'layer:foundation'
          ? { bannedExternalImports: clientPackages }
          : {}),
      })),
      { sourceTag: 'plane:data', notDependOnLibsWithTags: ['plane:control'] },
      { sourceTag: 'plane:control', notDependOnLibsWithTags: ['plane:data'] },
    ],
  },
];

const testFiles = ['**/*.test.ts', '**/*.case.ts', '**/*.bench.ts', '**/test/**/*.ts', '**/bench/**/*.ts'];

export default tseslint.config(
  { ignores: ['**/node_modules/**', '.headgate/**', '.nx/**', '**/dist/**', 'tmp/**'] },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  {
    files: ['**/*.ts'],
    extends: [...tseslint.configs.recommendedTypeChecked],
    plugins: { '@nx': nx },
    languageOptions: {
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    rules: {
      '@nx/enforce-module-boundaries': moduleBoundaries(false),
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-non-null-assertion': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      '@typescript-eslint/require-await': 'off',
      'no-restricted-syntax': [
        'error',
        { selector: 'TSEnumDeclaration', message: 'Use a union of literals instead of an enum.' },
        { selector: 'ExportDefaultDeclaration', message: 'Use named exports.' },
      ],
      eqeqeq: 'error',
      'no-console': 'error',
      'prefer-const': 'error',
      'max-lines-per-function': ['error', { max: 70, skipBlankLines: true, skipComments: true }],
      'max-lines': ['error', { max: 500, skipBlankLines: true, skipComments: true }],
    },
  },
  {
    files: testFiles,
    rules: {
      '@nx/enforce-module-boundaries': moduleBoundaries(true),
      // node:test returns promises that its runner awaits.
      '@typescript-eslint/no-floating-promises': [
        'error',
        { allowForKnownSafeCalls: [{ from: 'package', package: 'node:test', name: ['test', 'it', 'describe', 'suite', 'before', 'after', 'beforeEach', 'afterEach'] }] },
      ],
      'max-lines-per-function': 'off',
    },
  },
  {
    // Programs for a terminal print; servers log through pino.
    files: ['services/cli/**/*.ts', 'deploy/**/*.ts', 'loadtest/**/*.ts', '**/bench/**/*.ts'],
    rules: { 'no-console': 'off' },
  },
);
