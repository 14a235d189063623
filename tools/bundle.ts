import { globSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { build, type BuildOptions } from 'esbuild'

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
 * Bundles the command line and the workers, one file each: what a command does not use is in the file but not evaluated, and one
 * large file starts several times faster than a hundred small ones.
 */
export const bundle = async (folder: string): Promise<void> => {
  const entryPoints = { main: 'src/cli/main.ts', ...workers() }
  await build({
    ...common,
    entryPoints,
    outdir: folder,
    // CommonJS: what a module imports is loaded when the module is evaluated, node:http among it; an ES module would load it all at once
    format: 'cjs',
    define: { 'import.meta.url': 'bundleUrl' },
    banner: { js: "const bundleUrl = require('node:url').pathToFileURL(__filename).href;" },
    minifyWhitespace: true,
    minifySyntax: true,
  })
  writeFileSync(join(folder, 'package.json'), '{"type":"commonjs"}\n')
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
