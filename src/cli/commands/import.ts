import { importImage, isUrl } from '../../engine/images/import.ts'
import { redactUrl } from '../../lib/http/redact.ts'
import { defineCommand } from '../command.ts'
import { registryFlags } from '../registry-flags.ts'

export const command = defineCommand({
  usage: 'import [OPTIONS] FILE|URL|- [REPOSITORY[:TAG]]',
  summary: 'Make an image of one layer from a tar of a root file system (gzip, bzip2, xz, zstd or not compressed)',
  flags: {
    change: {
      type: 'list',
      short: 'c',
      help: 'Apply a Dockerfile instruction to the image (CMD, ENTRYPOINT, ENV, EXPOSE, HEALTHCHECK, LABEL, ONBUILD, STOPSIGNAL, USER, VOLUME, WORKDIR)',
    },
    message: { type: 'string', short: 'm', help: 'Set a commit message for the image' },
    platform: { type: 'string', help: "Set the platform (default: this machine's)" },
    'tls-verify': registryFlags['tls-verify'],
  },
  arity: [1, 2],
  examples: [
    'gantry import rootfs.tar debian:mine',
    'gantry import -c \'CMD ["bash"]\' - debian:mine < rootfs.tar.gz',
    'gantry import https://example.com/rootfs.tar.xz debian:mine',
  ],
  async run(context, [file = '-', name], flags) {
    if (isUrl(file)) context.warn(`Downloading from ${redactUrl(new URL(file))}`)
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
