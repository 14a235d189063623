import { globSync } from 'node:fs'
import { basename, join } from 'node:path'
import { build } from 'esbuild'

const root = join(import.meta.dirname, '..')

/** Bundles the command line, the workers and the library into a flat folder of ES modules that share chunks. */
export const bundle = async (folder: string): Promise<void> => {
  const workers = globSync('src/**/*.worker.ts', { cwd: root })
  const libraries = { index: 'src/engine/index.ts', oci: 'src/oci/index.ts' }
  await build({
    absWorkingDir: root,
    entryPoints: {
      main: 'src/cli/main.ts',
      ...libraries,
      ...Object.fromEntries(workers.map((path) => [basename(path, '.ts'), path])),
    },
    outdir: folder,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    packages: 'external',
    sourcemap: 'linked',
    logLevel: 'error',
  })
}
