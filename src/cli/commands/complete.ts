import { listContainers } from '../../engine/containers/records.ts'
import { familiarString, parseReference } from '../../oci/reference.ts'
import { defineCommand, type CliContext } from '../command.ts'
import { complete, type Candidate, type Kind } from '../complete.ts'

export const command = defineCommand({
  usage: '__complete [--] WORD...',
  summary: 'Say what may come as the last of the words, for the scripts of gantry completion',
  flags: {},
  arity: [0, Infinity],
  examples: ['gantry __complete -- pull --pl'],
  passThrough: true,
  async run(context, words) {
    const { candidates, kinds } = await complete(words)
    const more = await Promise.all(kinds.map(async (kind) => await dynamic(context, kind)))
    const current = words.at(-1) ?? ''
    for (const { text, summary } of [...candidates, ...more.flat()])
      if (text.startsWith(current)) context.print(summary === undefined ? text : `${text}\t${summary}`)
    if (kinds.includes('files')) context.print(':files')
  },
})

const dynamic = async (context: CliContext, kind: Kind): Promise<readonly Candidate[]> => {
  switch (kind) {
    case 'files':
      return []
    case 'images': {
      const names = await (await context.engine.content()).names()
      return names.flatMap(({ name }) => (name === undefined ? [] : [{ text: familiarString(parseReference(name)) }]))
    }
    case 'containers': {
      const containers = await listContainers(context.engine)
      return containers.map(({ name, image }) => ({ text: name, summary: image.reference }))
    }
  }
}
