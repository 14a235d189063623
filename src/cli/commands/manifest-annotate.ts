import { annotateIndex, annotateList } from '../../engine/manifests/edit-list.ts'
import { GantryError } from '../../lib/errors.ts'
import { annotationsFlag } from '../artifact-files.ts'
import { defineCommand } from '../command.ts'
import { entryChanges, entryFlags } from '../entry-flags.ts'

export const command = defineCommand({
  usage: 'manifest annotate [OPTIONS] MANIFEST_LIST [IMAGE|DIGEST]',
  summary: 'Change what a manifest list says of one of its images, or with --index of itself',
  flags: { index: { type: 'boolean', help: 'Annotate the list itself' }, ...entryFlags },
  arity: [1, 2],
  examples: [
    'gantry manifest annotate --arch arm --variant v7 localhost:5000/app:1 localhost:5000/app:1-arm',
    'gantry manifest annotate --index --annotation org.opencontainers.image.version=1 localhost:5000/app:1',
  ],
  async run(context, [list = '', image], flags) {
    if (flags.index === true) return void (await annotateIndex(context.engine, list, annotationsFlag(flags.annotation)))
    if (image === undefined)
      throw new GantryError('invalid_argument', 'USAGE', 'Cannot annotate: name an image of the list, or say --index')
    await annotateList(context.engine, list, image, entryChanges(flags))
  },
})
