// Lint rules: typescript-eslint with types, the import rules of ARCHITECTURE.md from Nx tags,
// and the size limits of CONTRIBUTING.md. Prettier owns the layout.

// The import rules read Nx's project graph. Without one, Nx prints a warning and skips the rule, so the graph is
// built here (about 0.5 s), in this process: a run of eslint that cannot build it fails.
process.env.NX_DAEMON = 'false';
process.env.NX_ISOLATE_PLUGINS = 'false';
const { createProjectGraphAsync } = await import('@nx/devkit');
await createProjectGraphAsync({ exitOnError: false });

const { default: nx } = await import('@nx/eslint-plugin');
const { default: tseslint } = await import('typescript-eslint');

/** Layers may import only from the layers listed for them; a test may also import the testkit. */
const layers = [
  ['layer:foundation', ['layer:foundation']],
  ['layer:domain', ['layer:domain', 'layer:foundation']],
  ['layer:adapter', ['layer:adapter', 'layer:domain', 'layer:foundation']],
  // Not 'layer:service': services talk over the network and never import each other.
  ['layer:service', ['layer:adapter', 'layer:domain', 'layer:foundation']],
  ['layer:deploy', ['layer:adapter', 'layer:domain', 'layer:foundation']],
  // The load tests.
  ['layer:tool', ['layer:adapter', 'layer:domain', 'layer:foundation', 'layer:test']],
  ['layer:test', ['layer:foundation']],
];

/** Foundation and domain libraries work without I/O: of the npm packages they may use these only. */
const pureLayers = ['layer:foundation', 'layer:domain'];
const purePackages = ['zod'];

/** Modules of Node that do I/O. The pure libraries reach the world through their arguments. */
const ioModules = [
  'child_process',
  'cluster',
  'dgram',
  'dns',
  'fs',
  'http',
  'http2',
  'https',
  'net',
  'tls',
];

const moduleBoundaries = (isTest) => [
  'error',
  {
    enforceBuildableLibDependency: false,
    allow: [],
    depConstraints: [
      ...layers.map(([sourceTag, allowed]) => ({
        sourceTag,
        onlyDependOnLibsWithTags: isTest ? [...allowed, 'layer:test'] : allowed,
        ...(pureLayers.includes(sourceTag) && !isTest
          ? { allowedExternalImports: purePackages }
          : {}),
      })),
      { sourceTag: 'plane:data', notDependOnLibsWithTags: ['plane:control'] },
      { sourceTag: 'plane:control', notDependOnLibsWithTags: ['plane:data'] },
    ],
  },
];

const testFiles = [
  '**/*.test.ts',
  '**/*.case.ts',
  '**/*.bench.ts',
  '**/test/**/*.ts',
  '**/bench/**/*.ts',
];

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
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', varsIgnorePattern: '^_' },
      ],
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
    files: ['libs/{auth,balancing,errors,health,http1,limiting,model,routing,runtime}/src/**/*.ts'],
    ignores: testFiles,
    rules: {
      'no-restricted-imports': [
        'error',
        {
          patterns: [
            {
              // `isIP` and its kin only look at text.
              regex: `^(node:)?(${ioModules.join('|')})(/.*)?$`,
              allowImportNames: ['isIP', 'isIPv4', 'isIPv6', 'BlockList'],
              message: 'This library works without I/O; take what it needs as an argument.',
            },
          ],
        },
      ],
    },
  },
  {
    files: testFiles,
    rules: {
      '@nx/enforce-module-boundaries': moduleBoundaries(true),
      // node:test returns promises that its runner awaits.
      '@typescript-eslint/no-floating-promises': [
        'error',
        {
          allowForKnownSafeCalls: [
            {
              from: 'package',
              package: 'node:test',
              name: [
                'test',
                'it',
                'describe',
                'suite',
                'before',
                'after',
                'beforeEach',
                'afterEach',
              ],
            },
          ],
        },
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
