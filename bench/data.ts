import { createHash } from 'node:crypto'
import { closeSync, existsSync, mkdirSync, openSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'

/** Bytes that are the same on every machine: a seeded xorshift, or its hex digits, which compress to about a half. */
export const noise = (seed: number, bytes: number, hex: boolean): Buffer => {
  const out = Buffer.allocUnsafe(hex ? Math.ceil(bytes / 2) : bytes)
  let state = seed * 2_654_435_761 + 1 || 1
  for (let i = 0; i + 4 <= out.length; i += 4) {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    out.writeInt32LE(state | 0, i)
  }
  return hex ? Buffer.from(out.toString('hex').slice(0, bytes), 'latin1') : out
}

const words =
  'const export return function require module exports import from this value options error result string number object array length index key name type default await async promise'.split(
    ' ',
  )

/** Text like that of a package's source: repetitive, compresses to about a quarter. */
const sourceText = (seed: number, bytes: number): string => {
  let state = seed * 48_271 + 11
  let text = ''
  while (text.length < bytes) {
    state = (state * 1_103_515_245 + 12_345) & 0x7fff_ffff
    text += `${words[(state >> 8) % words.length]}${state % 7 === 0 ? `_${state.toString(36)}` : ''}${state % 5 === 0 ? ';\n' : ' '}`
  }
  return text.slice(0, bytes)
}

/** A folder like node_modules: `packages` of about 30 files each, most of them small. */
export const makeManyFiles = (folder: string, packages = 450): void => {
  if (existsSync(join(folder, 'done'))) return
  for (let p = 0; p < packages; p++) {
    const hash = createHash('sha1').update(String(p)).digest()
    for (let f = 0; f < 30; f++) {
      const path = join(folder, 'node_modules', `package-${p}`, f % 3 === 0 ? '.' : f % 3 === 1 ? 'lib' : 'dist/esm')
      mkdirSync(path, { recursive: true })
      const size = 200 + (hash[f % 20] ?? 0) * (f % 10 === 0 ? 300 : 30)
      writeFileSync(join(path, `file-${f}.js`), sourceText(p * 100 + f, size))
    }
  }
  writeFileSync(join(folder, 'done'), '')
}

/** A folder of 128 files of 8 MiB, half of them noise. */
export const makeBigFiles = (folder: string): void => {
  if (existsSync(join(folder, 'done'))) return
  mkdirSync(folder, { recursive: true })
  for (let i = 0; i < 128; i++) {
    const file = openSync(join(folder, `f${i}`), 'w')
    for (let part = 0; part < 8; part++) writeSync(file, noise(i * 8 + part, 1 << 20, part % 2 === 1))
    closeSync(file)
  }
  writeFileSync(join(folder, 'done'), '')
}
