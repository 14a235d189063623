import { removeFromList } from '../../engine/manifests/edit-list.ts'
import { defineCommand } from '../command.ts'

export const command = defineCommand({
  usage: 'manifest remove MANIFEST_LIST IMAGE|DIGEST [IMAGE|DIGEST...]',
  summary: 'Take images out of a manifest list; prints the digest of the list',
  flags: {},
  arity: [2, Infinity],
  examples: ['gantry manifest remove localhost:5000/app:1 sha256:…'],
  async run(context, [list = '', ...images]) {
    context.print((await removeFromList(context.engine, list, images)).digest)
  },
})
