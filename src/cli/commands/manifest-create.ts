import { createList } from '../../engine/manifests/edit-list.ts'
import { defineCommand } from '../command.ts'
import { insecureFlag } from '../insecure-flag.ts'
import { registryFlags } from '../registry-flags.ts'

export const command = defineCommand({
  usage: 'manifest create [OPTIONS] MANIFEST_LIST [IMAGE...]',
  summary: 'Make a manifest list of images: local ones, or those of registries, whose layers stay there',
  flags: {
    all: { type: 'boolean', help: 'Accepted for podman; of a list all images are added' },
    amend: { type: 'boolean', short: 'a', help: 'Add to a list that exists' },
    ...insecureFlag,
    ...registryFlags,
  },
  arity: [1, Infinity],
  examples: ['gantry manifest create localhost:5000/app:1 localhost:5000/app:1-amd64 localhost:5000/app:1-arm64'],
  async run(context, [list = '', ...images], flags) {
    const { name } = await createList(context.engine, list, images, { signal: context.signal, amend: flags.amend === true })
    context.print(`Created manifest list ${name}`)
  },
})
