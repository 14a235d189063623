import { globSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { build, type BuildOptions } from 'esbuild'
import { linkModules } from './link-modules.ts'

const root = join(import.meta.dirname, '..')

const common: BuildOptions = {
  absWorkingDir: root,
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'node24',
  packages: 'external',
  sourcemap: 'linked',
  logLevel: 'error',
}

/**
 * Makes what the command line consists of: its modules in main.js, for bin/gantry.cjs to run, and a file for each worker. Answers the
 * sources, relative to the checkout.
 */
export const bundle = async (folder: string): Promise<readonly string[]> => {
  const [linked, { metafile }] = await Promise.all([
    linkModules('src/cli/main.ts'),
    build({
      ...common,
      entryPoints: workers(),
      outdir: folder,
      metafile: true,
      // CommonJS: an ES module would load at its start what any of its modules may need
      format: 'cjs',
      define: { 'import.meta.url': 'bundleUrl' },
      banner: { js: "const bundleUrl = require('node:url').pathToFileURL(__filename).href;" },
      minifyWhitespace: true,
      minifySyntax: true,
    }),
  ])
  writeFileSync(join(folder, 'main.js'), linked.code)
  writeFileSync(join(folder, 'package.json'), '{"type":"commonjs"}\n')
  return [...new Set([...linked.paths, ...Object.keys(metafile?.inputs ?? {})])]
}

/** The workers by the names that workerUrl() looks for. */
const workers = (): Readonly<Record<string, string>> =>
  Object.fromEntries(globSync('src/**/*.worker.ts', { cwd: root }).map((path) => [basename(path, '.ts'), path]))

/** Bundles the library's entry points, which share what they have in common, and the workers beside them. */
export const bundleLibrary = async (folder: string): Promise<void> => {
  const entryPoints = {
    index: 'src/engine/index.ts',
    oci: 'src/oci/index.ts',
    content: 'src/content/index.ts',
    remote: 'src/remote/index.ts',
    ...workers(),
  }
  await build({ ...common, entryPoints, outdir: folder, splitting: true })
}
