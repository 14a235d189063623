import { readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'

/** Removes the files of a folder that were written longest ago, but for the last `most`. */
export const forgetOldest = async (folder: string, most: number): Promise<void> => {
  const names = (await readdir(folder)).filter((name) => !name.startsWith('.'))
  if (names.length <= most) return
  const timed = await Promise.all(
    names.map(async (name) => ({ name, time: (await stat(join(folder, name)).catch(() => undefined))?.mtimeMs ?? 0 })),
  )
  for (const { name } of timed.toSorted((a, b) => b.time - a.time).slice(most)) await rm(join(folder, name), { force: true })
}
