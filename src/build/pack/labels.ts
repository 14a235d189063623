import type { Manifest } from './manifest.ts'

/** The annotations of image-spec annotations.md that a package.json has something for, as labels. */
export const packageLabels = (manifest: Manifest): Readonly<Record<string, string>> => {
  const { name, version, description, license, author, homepage, repository } = manifest
  const labels = {
    title: name,
    version,
    description,
    licenses: license,
    authors: author,
    url: homepage,
    source: webAddress(repository),
  }
  return Object.fromEntries(
    Object.entries(labels)
      .filter(([, value]) => value !== '')
      .map(([key, value]) => [`org.opencontainers.image.${key}`, value]),
  )
}

/** A repository as browsers find it, without what may log in to it; short forms are GitHub's (npm docs, package.json §repository). */
const webAddress = (repository: string): string => {
  const [, host = 'github', path] = /^(?:(github|gitlab|bitbucket):)?([\w.-]+\/[\w.-]+)$/.exec(repository) ?? []
  if (path !== undefined) return `https://${host}.${host === 'bitbucket' ? 'org' : 'com'}/${path}`
  return repository
    .replace(/^git\+/, '')
    .replace(/^(?:ssh|git):\/\/(?:[^@/]*@)?/, 'https://')
    .replace(/^git@([^:/]+):/, 'https://$1/')
    .replace(/^(https?:\/\/)[^@/]*@/, '$1')
    .replace(/\.git$/, '')
}
