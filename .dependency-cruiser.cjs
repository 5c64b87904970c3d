const stages = ['ingest', 'chainer', 'validator', 'projector']

/** Stages import `schemas/` and `infra/`, never each other; `schemas/` imports nothing of ours. */
module.exports = {
  forbidden: [
    { name: 'no-circular', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'schemas-are-pure',
      comment: 'schemas/ holds what every stage agrees on: no I/O, nothing of ours',
      severity: 'error',
      from: { path: '^schemas/', pathNot: '\\.test\\.ts$|^schemas/vectors/' },
      to: { path: '^(ingest|chainer|validator|projector|infra)/|^(node:)?(fs|net|http|https|child_process|dns|tls)' },
    },
    ...stages.map((stage) => ({
      name: `${stage}-imports-no-other-stage`,
      severity: 'error',
      from: { path: `^${stage}/`, pathNot: '\\.int\\.test\\.ts$' },
      to: { path: `^(${stages.filter((other) => other !== stage).join('|')})/` },
    })),
    {
      name: 'infra-starts-stages-as-processes',
      comment: 'infra/ may read a stage’s description (stage.ts) and the software meter; it runs the rest as processes',
      severity: 'error',
      from: { path: '^infra/', pathNot: '\\.test\\.ts$|^infra/(e2e|testing|cli|bench|chaos|demo|system)/' },
      to: { path: '^(ingest|chainer|validator|projector)/', pathNot: '/stage\\.ts$' },
    },
    {
      name: 'no-test-code-in-the-product',
      severity: 'error',
      from: { pathNot: '\\.test\\.ts$|^infra/(testing|e2e|chaos)/|^infra/bench/(replay|storage|questions|export)-main' },
      to: { path: '^infra/testing/|\\.test\\.ts$' },
    },
    { name: 'resolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^dist/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    moduleSystems: ['es6', 'cjs'],
    enhancedResolveOptions: {
      extensions: ['.ts', '.js', '.json'],
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default'],
    },
  },
}
