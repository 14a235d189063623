import { execFileSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { bundle, bundleLibrary } from './bundle.ts'

// What is published: dist/*.js (bundled) and dist/types (declarations).
const root = join(import.meta.dirname, '..')
rmSync(join(root, 'dist'), { recursive: true, force: true })
await bundle(join(root, 'dist', 'cli'))
await bundleLibrary(join(root, 'dist'))
execFileSync('tsc', ['-p', 'tsconfig.build.json'], { cwd: root, stdio: 'inherit' })
