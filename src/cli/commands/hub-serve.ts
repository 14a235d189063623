import { serveHub } from '../../hub/serve.ts'
import { GantryError } from '../../lib/errors.ts'
import { defineCommand } from '../command.ts'

export const command = defineCommand({
  usage: 'hub serve [OPTIONS]',
  summary: 'Serve a registry that docker, podman, skopeo, containerd and gantry can push to and pull from',
  flags: {
    listen: { type: 'string', value: 'HOST:PORT', help: 'Where to listen (default 127.0.0.1:5000, or $GANTRY_HUB_LISTEN)' },
  },
  arity: [0, 0],
  examples: ['gantry hub serve', 'gantry hub serve --listen 0.0.0.0:5000'],
  async run(context, _args, flags) {
    const { host, port } = parseListen(flags.listen ?? context.environment.GANTRY_HUB_LISTEN ?? '127.0.0.1:5000')
    const folder = context.engine.path('hub')
    const hub = await serveHub({ folder, host, port, onFailure: (message) => context.warn(`gantry hub: ${message}`) })
    context.print(`gantry hub listens on ${hub.url}, data in ${folder}`)
    await new Promise<void>((resolve) => {
      if (context.signal.aborted) resolve()
      context.signal.addEventListener('abort', () => resolve(), { once: true })
    })
    context.warn('gantry hub stops: uploads under way are finished first')
    await hub.close()
  },
})

const parseListen = (text: string): { readonly host: string; readonly port: number } => {
  const match = /^(?:\[([0-9a-fA-F:]+)\]|([^:]*)):(\d{1,5})$/.exec(text)
  const port = Number(match?.[3])
  if (match === null || port > 65_535)
    throw new GantryError('invalid_argument', 'USAGE', `Cannot listen on "${text}": it is not HOST:PORT`, {
      hint: 'for example 127.0.0.1:5000 or [::1]:5000',
    })
  return { host: match[1] ?? (match[2] || '0.0.0.0'), port }
}
