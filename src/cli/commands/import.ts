import { importImage } from '../../engine/images/import.ts'
import { defineCommand } from '../command.ts'

export const command = defineCommand({
  usage: 'import [OPTIONS] FILE|- [REPOSITORY[:TAG]]',
  summary: 'Make an image of one layer from a tar of a root file system (compressed or not)',
  flags: {
    change: {
      type: 'list',
      short: 'c',
      help: 'Apply a Dockerfile instruction to the image (CMD, ENTRYPOINT, ENV, EXPOSE, LABEL, STOPSIGNAL, USER, VOLUME, WORKDIR)',
    },
    message: { type: 'string', short: 'm', help: 'Set a commit message for the image' },
    platform: { type: 'string', help: "Set the platform (default: this machine's)" },
  },
  arity: [1, 2],
  examples: ['gantry import rootfs.tar debian:mine', 'gantry import -c \'CMD ["bash"]\' - debian:mine < rootfs.tar.gz'],
  async run(context, [file = '-', name], flags) {
    const id = await importImage(context.engine, file === '-' ? context.stdin : file, {
      changes: flags.change,
      signal: context.signal,
      ...(name === undefined ? {} : { name }),
      ...(flags.message === undefined ? {} : { message: flags.message }),
      ...(flags.platform === undefined ? {} : { platform: flags.platform }),
    })
    context.print(id)
  },
})
