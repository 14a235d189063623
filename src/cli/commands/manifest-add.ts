import { addToList } from '../../engine/manifests/edit-list.ts'
import { defineCommand } from '../command.ts'
import { entryChanges, entryFlags } from '../entry-flags.ts'
import { insecureFlag } from '../insecure-flag.ts'
import { registryFlags } from '../registry-flags.ts'

export const command = defineCommand({
  usage: 'manifest add [OPTIONS] MANIFEST_LIST IMAGE',
  summary: 'Add an image to a manifest list, or all images of an index; prints the digest of the list',
  flags: {
    all: { type: 'boolean', help: 'Accepted for podman; of a list all images are added' },
    ...entryFlags,
    ...insecureFlag,
    ...registryFlags,
  },
  arity: [2, 2],
  examples: [
    'gantry manifest add localhost:5000/app:1 app:1',
    'gantry manifest add --variant v7 localhost:5000/app:1 oci:build:arm',
  ],
  async run(context, [list = '', image = ''], flags) {
    const { digest } = await addToList(context.engine, list, image, { signal: context.signal, changes: entryChanges(flags) })
    context.print(digest)
  },
})
