import { posix } from 'node:path'
import type { Manifest } from './manifest.ts'

/** What never belongs into an image, or only by mistake: a line of an ignore file with `!` takes it back. */
const neverNeeded = [
  '**/node_modules',
  '**/.git',
  '**/.gitignore',
  '**/.gitattributes',
  '**/.gitmodules',
  '**/.github',
  '**/.gitlab-ci.yml',
  '**/.hg',
  '**/.svn',
  '**/CVS',
  '**/.dockerignore',
  '**/*.dockerignore',
  '**/Dockerfile',
  '**/*.Dockerfile',
  '**/Dockerfile.*',
  '**/Containerfile',
  '**/compose.y*ml',
  '**/compose.*.y*ml',
  '**/docker-compose*.y*ml',
  '**/.editorconfig',
  '**/.vscode',
  '**/.idea',
  '**/.DS_Store',
  '**/Thumbs.db',
  '**/*.swp',
  '**/*~',
  '**/*.log',
  '**/coverage',
  '**/.nyc_output',
  '**/.cache',
  '**/.turbo',
  '**/.eslintcache',
  '**/*.tsbuildinfo',
  '**/.yarn',
  '**/.pnp.*',
  '**/.pnpm-store',
  '**/package-lock.json',
  '**/npm-shrinkwrap.json',
  '**/pnpm-lock.yaml',
  '**/pnpm-workspace.yaml',
  '**/yarn.lock',
]

/** What holds secrets by its name. */
export const secretFiles = [
  '**/.env',
  '**/.env.*',
  '**/.env-*',
  '**/.envrc',
  '**/.npmrc',
  '**/.yarnrc',
  '**/.yarnrc.yml',
  '**/.netrc',
  '**/_netrc',
  '**/.git-credentials',
  '**/.htpasswd',
  '**/.pgpass',
  '**/.aws',
  '**/.azure',
  '**/.docker',
  '**/.gnupg',
  '**/.kube',
  '**/.ssh',
  '**/id_rsa*',
  '**/id_dsa*',
  '**/id_ecdsa*',
  '**/id_ed25519*',
  '**/*.key',
  '**/*.pem',
  '**/*.p12',
  '**/*.pfx',
  '**/*.jks',
  '**/*.keystore',
  '**/*.tfstate',
  '**/*.tfstate.*',
]

/** An ignore file's patterns, and the folder that they are relative to. */
export interface IgnoreRules {
  readonly folder: string
  readonly patterns: readonly string[]
}

/**
 * Patterns of what of the folders of a project is left out of the image, for the root of the project: what `files` of a published
 * package does not name, what is never needed, what holds secrets, then what ignore files say, the last one that matches deciding.
 */
export const codePatterns = (
  folders: readonly { readonly path: string; readonly manifest: Manifest }[],
  ignored: readonly IgnoreRules[],
): readonly string[] => [
  ...folders.flatMap(({ path, manifest }) => filesPatterns(path, manifest)),
  ...neverNeeded,
  ...secretFiles,
  ...ignored.flatMap(({ folder, patterns }) => patterns.map((pattern) => below(folder, pattern))),
]

const below = (folder: string, pattern: string): string => {
  if (folder === '') return pattern
  const literal = escapeGlob(folder)
  return pattern.startsWith('!') ? `!${literal}/${pattern.slice(1)}` : `${literal}/${pattern}`
}

const escapeGlob = (text: string): string => text.replace(/[\\*?[\]]/g, '\\$&')

/** `files` says what is published, so it counts for what is not private (npm docs, package.json §files). */
const filesPatterns = (path: string, { files, private: own, main, bin }: Manifest): readonly string[] => {
  if (files === undefined || files.length === 0 || own) return []
  const always = ['package.json', main, ...bin.values()].filter((one) => one !== '').map(escapeGlob)
  const given = files.map((one) => (one.startsWith('!') ? one.slice(1) : `!${one}`))
  const patterns = ['*', ...given, ...always.map((one) => `!${one}`)].flatMap((pattern) => {
    const clean = cleaned(pattern.replace(/^!/, ''))
    return clean === undefined ? [] : [pattern.startsWith('!') ? `!${clean}` : clean]
  })
  return patterns.map((pattern) => below(path, pattern))
}

/** A pattern of `files` without what leads out of the folder. */
const cleaned = (pattern: string): string | undefined => {
  const path = posix
    .normalize(pattern)
    .replace(/^(?:\.?\/)+/, '')
    .replace(/\/$/, '')
  if (path === '' || path === '.') return '**'
  return path.startsWith('..') ? undefined : path
}
