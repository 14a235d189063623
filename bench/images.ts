import { copyFileSync, cpSync, existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { makeBigFiles, makeManyFiles, noise } from './data.ts'
import { must } from './measure.ts'
import type { Tool } from './tools/tool.ts'

/** The images that are pulled and pushed: 13,500 files in one layer, 40 layers of 51 files, and one layer of 1 GiB. */
export const imageNames = ['many', 'layers', 'big'] as const

const layerCount = 40

/** Makes the contexts of all images below a folder, where they are missing. */
export const makeContexts = (folder: string): void => {
  makeManyFiles(join(folder, 'many'))
  makeBigFiles(join(folder, 'big'))
  for (const name of ['many', 'big'])
    writeFileSync(join(folder, name, 'Dockerfile'), 'FROM scratch\nCOPY . /data\nCMD ["/none"]\n')
  makeBusybox(join(folder, 'busybox'))
  makeLayers(join(folder, 'layers'))
}

const makeBusybox = (folder: string): void => {
  mkdirSync(join(folder, 'bin'), { recursive: true })
  copyFileSync(existsSync('/bin/busybox') ? '/bin/busybox' : '/usr/bin/busybox', join(folder, 'bin', 'busybox'))
  writeFileSync(
    join(folder, 'Dockerfile'),
    'FROM scratch\nCOPY bin /bin\nRUN ["/bin/busybox", "--install", "-s", "/bin"]\nENV PATH=/bin\nCMD ["sh"]\n',
  )
}

const makeLayers = (folder: string): void => {
  const steps = []
  for (let layer = 1; layer <= layerCount; layer++) {
    const part = join(folder, `layer-${layer}`, 'opt', `part-${layer}`)
    mkdirSync(part, { recursive: true })
    writeFileSync(join(part, 'data.bin'), noise(layer, 1 << 20, false))
    for (let file = 0; file < 50; file++) writeFileSync(join(part, `file-${file}.txt`), noise(layer * 1000 + file, 2000, true))
    steps.push(`COPY layer-${layer} /\n`)
  }
  writeFileSync(join(folder, 'Dockerfile'), `FROM scratch\n${steps.join('')}CMD ["/none"]\n`)
}

/** A context of two stages over the busybox image: 13,500 files and one more are copied, kept and copied on. */
export const makeAppContext = (contexts: string, base: string): string => {
  const folder = join(contexts, 'app')
  if (!existsSync(join(folder, 'node_modules')))
    cpSync(join(contexts, 'many', 'node_modules'), join(folder, 'node_modules'), { recursive: true })
  editAppContext(folder, 'first')
  const first = `FROM ${base} AS one\nCOPY node_modules /app/node_modules\nCOPY src /app/src\nRUN echo built > /app/out\n`
  const second = `FROM ${base}\nCOPY --from=one /app /app\nRUN ls /app > /list\nWORKDIR /app\nCMD ["sh"]\n`
  writeFileSync(join(folder, 'Dockerfile'), first + second)
  return folder
}

/** Changes the one line of its own code. */
export const editAppContext = (folder: string, line: string): void => {
  mkdirSync(join(folder, 'src'), { recursive: true })
  writeFileSync(join(folder, 'src', 'main.js'), `// ${line}\n`)
}

/** A context of many steps that do next to nothing. */
export const makeStepsContext = (contexts: string, base: string): string => {
  const folder = join(contexts, 'steps')
  mkdirSync(folder, { recursive: true })
  const steps = Array.from({ length: 5 }, (_, step) => {
    writeFileSync(join(folder, `${step}.txt`), `${step}\n`)
    return `COPY ${step}.txt /\nRUN echo ${step} > /out-${step}\n`
  })
  writeFileSync(join(folder, 'Dockerfile'), `FROM ${base}\n${steps.join('')}`)
  return folder
}

/**
 * Pushes the images to a registry, built by gantry: the same bytes for every tool. What an earlier run pushed is used again, since
 * compressing a GiB takes longer than most cases; `marker` is a file that says so.
 */
export const publishImages = (gantry: Tool, contexts: string, host: string, marker: string): void => {
  if (existsSync(marker)) return
  gantry.reset()
  for (const name of ['busybox', ...imageNames]) {
    const image = `${host}/bench/${name}:1`
    must(gantry.command({ verb: 'build', context: join(contexts, name), name: image, cache: true }) ?? [])
    must(gantry.command({ verb: 'push', image }) ?? [])
  }
  gantry.reset()
  writeFileSync(marker, '')
}
