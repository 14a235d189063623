import type { Platform } from '../../oci/descriptor.ts'
import { formatPlatform, normalizePlatform } from '../../oci/platform.ts'
import { expand, type Lookup } from '../dockerfile/expand.ts'
import type { ArgInstruction } from '../dockerfile/instruction.ts'
import { atSource } from '../dockerfile/parse-dockerfile.ts'

/** Variables in the order in which they were last set. */
export type Variables = ReadonlyMap<string, string>

export const withVariable = (variables: Variables, name: string, value: string): Variables => {
  const result = new Map(variables)
  result.delete(name)
  return result.set(name, value)
}

export const lookupIn =
  (variables: Variables): Lookup =>
  (name) =>
    variables.get(name)

/** `K=V` strings; a later one of the same name wins. */
export const variablesOf = (env: readonly string[]): Variables => {
  let result: Variables = new Map()
  for (const one of env) {
    const equals = one.indexOf('=')
    result = withVariable(result, equals < 0 ? one : one.slice(0, equals), equals < 0 ? '' : one.slice(equals + 1))
  }
  return result
}

/** The variables that a Dockerfile may use without declaring them in a FROM, and declare without a value elsewhere. */
export const platformArguments = (
  platforms: { readonly build: Platform; readonly target: Platform },
  targetStage: string | undefined,
  given: Readonly<Record<string, string>>,
): Variables => {
  const build = normalizePlatform(platforms.build)
  const target = normalizePlatform(platforms.target)
  const { os, architecture, variant } = build
  const defaults: readonly (readonly [string, string])[] = [
    ['BUILDPLATFORM', formatPlatform({ os, architecture, ...(variant === undefined ? {} : { variant }) })],
    ['BUILDOS', os],
    ['BUILDOSVERSION', build['os.version'] ?? ''],
    ['BUILDARCH', architecture],
    ['BUILDVARIANT', variant ?? ''],
    ['TARGETPLATFORM', formatPlatform(target)],
    ['TARGETOS', target.os],
    ['TARGETOSVERSION', target['os.version'] ?? ''],
    ['TARGETARCH', target.architecture],
    ['TARGETVARIANT', target.variant ?? ''],
    ['TARGETSTAGE', targetStage ?? 'default'],
  ]
  return new Map(defaults.map(([name, value]) => [name, Object.hasOwn(given, name) ? (given[name] ?? '') : value]))
}

/** Evaluates the ARGs before the first FROM over the platform arguments. */
export const globalArguments = (
  base: Variables,
  args: readonly ArgInstruction[],
  given: Readonly<Record<string, string>>,
  escape: string,
): Variables => {
  let variables = base
  for (const instruction of args)
    for (const { key, value } of instruction.args) {
      const chosen = Object.hasOwn(given, key)
        ? given[key]
        : value === undefined
          ? undefined
          : atSource(instruction.range, () => expand(value, lookupIn(variables), { escape }).text)
      if (chosen !== undefined) variables = withVariable(variables, key, chosen)
    }
  return variables
}

const proxyNames = ['HTTP_PROXY', 'HTTPS_PROXY', 'FTP_PROXY', 'NO_PROXY', 'ALL_PROXY']

/** The proxy variables among the build arguments, in both cases, as RUN gets them without any ARG. */
export const proxyVariables = (given: Readonly<Record<string, string>>): readonly string[] =>
  proxyNames.flatMap((name) => {
    const key = Object.keys(given).findLast((one) => one.toUpperCase() === name)
    const value = key === undefined ? undefined : given[key]
    return value === undefined ? [] : [`${name}=${value}`, `${name.toLowerCase()}=${value}`]
  })
