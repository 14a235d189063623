import { logout } from '../../engine/login.ts'
import { defineCommand } from '../command.ts'

export const command = defineCommand({
  usage: 'logout [SERVER[/NAMESPACE]]',
  summary: 'Log out from a registry, or a part of it: forget the credentials, wherever they are kept',
  flags: {},
  arity: [0, 1],
  examples: ['gantry logout localhost:5000'],
  async run(context, [server]) {
    const { host, removed } = await logout(context.engine, server)
    context.print(removed ? `Removing login credentials for ${host}` : `Not logged in to ${host}`)
  },
})
