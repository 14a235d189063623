/** Releases of Node.js that images are for, the one that is used without further word first. */
const releases = [24, 26, 22, 20, 18]

/**
 * The base image for what `engines.node` asks for: the official slim one, of an exact version where it asks for that, else of the
 * first of the known releases that it allows, else of the least that it allows.
 */
export const defaultBase = async (engine: string): Promise<string> => {
  const major = releases[0] ?? 24
  if (engine.trim() === '' || engine === '*') return official(String(major))
  const { default: semver } = await import('semver')
  const exact = semver.valid(engine)
  if (exact !== null) return official(exact)
  const range = semver.validRange(engine)
  if (range === null) return official(String(major))
  const allowed = releases.find((release) => semver.intersects(range, `${release}.x`))
  return official(String(allowed ?? semver.minVersion(range)?.major ?? major))
}

const official = (tag: string): string => `docker.io/library/node:${tag}-slim`
