import { formatPlatform, normalizePlatform, parsePlatform } from '../../oci/platform.ts'
import type { Platform } from '../../oci/descriptor.ts'
import { expand, type Expansion } from '../dockerfile/expand.ts'
import type { FromInstruction } from '../dockerfile/instruction.ts'
import { nearest } from '../dockerfile/suggest.ts'
import { lookupIn, type Variables } from '../plan/environment.ts'
import { renameVariable, withoutFlag, write } from './fixes.ts'
import type { Linter } from './linter.ts'

/** What a FROM is evaluated with. */
export interface FromScope {
  readonly escape: string
  readonly globals: Variables
  /** Names of the ARGs before the first FROM, with or without a value. */
  readonly declared: readonly string[]
  /** Names of ARGs that stages declare. */
  readonly elsewhere: ReadonlySet<string>
}

/** The rules about the arguments and the platform of a FROM. */
export const lintFrom = (linter: Linter, from: FromInstruction, scope: FromScope): void => {
  const known = new Set([...scope.declared, ...scope.globals.keys()])
  const image = quietly(from.image, scope)
  if (image !== undefined) lintUndeclared(linter, from, image, known, scope.elsewhere)
  const platform = from.platform === undefined ? undefined : quietly(from.platform, scope)
  if (platform === undefined) return
  lintUndeclared(linter, from, platform, known, scope.elsewhere)
  lintTargetPlatform(linter, from, platform, scope.globals)
  lintConstantPlatform(linter, from, platform)
}

const quietly = (text: string, { escape, globals }: FromScope): Expansion | undefined => {
  try {
    return expand(text, lookupIn(globals), { escape })
  } catch {
    return undefined
  }
}

const lintUndeclared = (
  linter: Linter,
  from: FromInstruction,
  { unset }: Expansion,
  known: ReadonlySet<string>,
  elsewhere: ReadonlySet<string>,
): void => {
  for (const name of unset) {
    if (known.has(name)) continue
    const meant = nearest(name, known)
    const suggestion = meant === undefined ? '' : ` (did you mean ${meant}?)`
    const declare = elsewhere.has(name)
      ? `an ARG inside a stage does not reach FROM: put ARG ${name}=<value> above the first FROM too`
      : `put ARG ${name}=<value> above the first FROM`
    linter.report(
      'UndefinedArgInFrom',
      from,
      `FROM argument '${name}' is not declared${suggestion}`,
      meant === undefined ? declare : write(renameVariable(from.text, name, meant)),
    )
  }
}

const lintTargetPlatform = (linter: Linter, from: FromInstruction, platform: Expansion, globals: Variables): void => {
  if (platform.used.size !== 1 || platform.unset.size > 0 || !platform.used.has('TARGETPLATFORM')) return
  if (platform.text !== globals.get('TARGETPLATFORM')) return
  linter.report(
    'RedundantTargetPlatform',
    from,
    `Setting platform to predefined ${from.platform} in FROM is redundant as this is the default behavior`,
    write(withoutFlag(from.text, 'platform')),
  )
}

const lintConstantPlatform = (linter: Linter, from: FromInstruction, { text, used, unset }: Expansion): void => {
  if (used.size > 0 || unset.size > 0) return
  const platform = parsedPlatform(text)
  if (platform === undefined) return
  const { alias = '' } = from
  // a stage that is named for its platform is meant to be for that one
  if (alias.includes(platform.os) || alias.includes(platform.architecture)) return
  const named = alias === '' ? `${from.text} AS ${platform.architecture}` : `${from.text}-${platform.architecture}`
  linter.report(
    'FromPlatformFlagConstDisallowed',
    from,
    `FROM --platform flag should not use constant value "${text}"`,
    `${write(withoutFlag(from.text, 'platform'))}, and build with --platform ${text}; if the stage is for that platform only, say so by its name: ${named}`,
  )
}

const parsedPlatform = (text: string): Platform | undefined => {
  try {
    return parsePlatform(text, { os: 'linux', architecture: 'amd64' })
  } catch {
    return undefined
  }
}

/** A base image that is for another platform than it was asked for. */
export const lintBaseImage = (
  linter: Linter,
  from: FromInstruction,
  reference: string,
  expected: Platform,
  found: Platform,
): void => {
  if (expected.os === found.os && expected.architecture === found.architecture) return
  const [is, wanted] = [found, expected].map((one) => formatPlatform(normalizePlatform(one)))
  linter.report(
    'InvalidBaseImagePlatform',
    from.range,
    `Base image ${reference} was pulled with platform "${is}", expected "${wanted}" for current build`,
    `build with --platform ${is}, or name an image that is there for ${wanted}`,
  )
}
