import { readFile } from 'node:fs/promises'
import { join, posix } from 'node:path'
import { transform } from 'esbuild'

const root = join(import.meta.dirname, '..')

/**
 * Makes functions of a module and all that it imports, by their paths in the checkout. Such a function defines what its module exports,
 * and is called when something of it is used for the first time, not when it is imported; the modules of Node.js are loaded likewise.
 * What a command does not reach is neither evaluated nor compiled. For modules that do nothing but define things, and that import and
 * export by name. bin/gantry.cjs calls the functions.
 */
export const linkModules = async (entry: string): Promise<ReadonlyMap<string, string>> => {
  const texts = new Map<string, Promise<string>>()
  const add = (path: string): void => {
    if (texts.has(path)) return
    const text = readModule(path)
    texts.set(
      path,
      text.then(({ code, imports }) => {
        for (const one of imports) add(one)
        return code
      }),
    )
  }
  add(entry)
  const functions = new Map<string, string>()
  // grows while it is walked
  for (const [path, code] of texts)
    functions.set(path, `($exports, $load, $require, $bundle) => {\n'use strict'\n${await code}}\n`)
  return functions
}

/** All functions as one text that can be taken apart without being parsed: a line of JSON with their paths and lengths, and they. */
export const joinModules = (functions: ReadonlyMap<string, string>): string =>
  [`${JSON.stringify([...functions].map(([path, code]) => [path, code.length]))}\n`, ...functions.values()].join('')

const readModule = async (path: string): Promise<{ readonly code: string; readonly imports: readonly string[] }> => {
  const { code } = await transform(await readFile(join(root, path), 'utf8'), {
    loader: 'ts',
    format: 'cjs',
    platform: 'node',
    target: 'esnext',
    define: { 'import.meta.url': '$bundle.url', 'import.meta.filename': '$bundle.filename' },
  })
  const imports: string[] = []
  const own = (specifier: string): string => {
    const imported = posix.join(posix.dirname(path), specifier)
    imports.push(imported)
    return JSON.stringify(imported)
  }
  const linked = bindLazily(defineExports(code), own).replace(/\bimport\("([^"]+)"\)/g, (_, specifier: string) => {
    const load = specifier.startsWith('.')
      ? `$load(${own(specifier)})`
      : `$bundle.namespace($require(${JSON.stringify(specifier)}))`
    return `Promise.resolve().then(() => ${load})`
  })
  const odd = /\b__(?:export|toESM|toCommonJS|reExport)\b|\brequire\("\.|\bimport\(|\bimport_\w+\b(?! =|\(\))/.exec(linked)
  if (odd !== null) throw new Error(`Cannot link "${path}": it must import and export by name (${odd[0]})`)
  return { code: inAscii(linked), imports }
}

/** What esbuild leaves as it is: comments amid expressions and classes, where it makes no difference, and regular expressions, where it means the same. */
const inAscii = (code: string): string =>
  code.replace(/[^\0-\x7F]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)

/** What esbuild writes for exports: assigned when the module has been evaluated; what it passes on from others, as getters. */
const defineExports = (code: string): string => {
  const own: string[] = []
  const passedOn: string[] = []
  const rest = code.replace(
    /^var __[^]*?^var stdin_exports = \{\};\n(?:__export\(stdin_exports, (\{[^]*?^\})\);\n)?module\.exports = __toCommonJS\(stdin_exports\);\n/m,
    (_, all = '') => {
      for (const [, name = '', value = ''] of String(all).matchAll(/^ {2}(\w+): \(\) => (.+?),?$/gm))
        if (/^\w+$/.test(value)) own.push(`${name}: ${value}`)
        else passedOn.push(`get ${name}() { return ${value} }`)
      return ''
    },
  )
  const assigned = own.length === 0 ? '' : `Object.assign($exports, { ${own.join(', ')} })\n`
  const defined =
    passedOn.length === 0
      ? ''
      : `Object.defineProperties($exports, Object.getOwnPropertyDescriptors({ ${passedOn.join(', ')} }))\n`
  return `${rest}${assigned}${defined}`
}

/** Makes functions of the variables that hold imported modules. */
const bindLazily = (code: string, own: (specifier: string) => string): string => {
  const names: string[] = []
  const bound = code.replace(/^var (import_\w+) = require\("([^"]+)"\);$/gm, (_, name: string, specifier: string) => {
    names.push(name)
    const load = specifier.startsWith('.') ? `$load(${own(specifier)})` : `$require(${JSON.stringify(specifier)})`
    const loaded = name.replace('import', 'loaded')
    return `let ${loaded}; const ${name} = () => (${loaded} ??= ${load})`
  })
  const isBound = (name: string): boolean => names.includes(name)
  return bound
    .replace(/\bnew (import_\w+)\.(\w+)/g, (use, name: string, member: string) =>
      isBound(name) ? `new (${name}().${member})` : use,
    )
    .replace(/\b(import_\w+)\./g, (use, name: string) => (isBound(name) ? `${name}().` : use))
}
