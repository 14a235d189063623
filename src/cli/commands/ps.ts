import { listStates } from '../../engine/containers/list.ts'
import { defineCommand } from '../command.ts'
import { printRows } from '../rows.ts'

export const command = defineCommand({
  usage: 'ps [OPTIONS]',
  summary: 'List containers',
  flags: {
    all: { type: 'boolean', short: 'a', help: 'Show all containers (default: only those that run)' },
    format: { type: 'string', help: "Format the output: 'table', 'table TEMPLATE', 'json' or a Go template" },
    last: { type: 'string', short: 'n', value: 'int', help: 'Show the N containers created last, in any state' },
    latest: { type: 'boolean', short: 'l', help: 'Show the container created last, in any state' },
    'no-trunc': { type: 'boolean', help: 'Do not shorten the output' },
    quiet: { type: 'boolean', short: 'q', help: 'Show only container IDs' },
  },
  arity: [0, 0],
  examples: ['gantry ps', 'gantry ps -aq'],
  async run(context, _args, flags) {
    const count = flags.latest === true ? 1 : flags.last === undefined ? undefined : Number(flags.last)
    const all = await listStates(context.engine)
    const shown =
      count === undefined
        ? all.filter((container) => flags.all === true || container.state.status === 'running')
        : all.slice(0, count)
    const full = flags['no-trunc'] === true
    const id = (container: { readonly id: string }): string => (full ? container.id : container.id.slice(0, 12))
    if (flags.quiet === true) {
      for (const container of shown) context.print(id(container))
      return
    }
    const { humanDuration, quoteCommand } = await import('../render/units.ts')
    const now = context.now().getTime()
    const ago = (time: string): string => `${humanDuration(now - Date.parse(time))} ago`
    const rows = shown.map((container) => {
      const { state } = container
      return {
        ID: id(container),
        Image: container.image.reference,
        Command: quoteCommand(container.spec.args, full),
        RunningFor: ago(container.created),
        CreatedAt: container.created,
        State: state.status,
        Status:
          state.status === 'running'
            ? `Up ${humanDuration(now - Date.parse(state.started))}`
            : state.status === 'exited'
              ? `Exited (${state.exitCode}) ${ago(state.finished)}`
              : 'Created',
        Ports: '',
        Names: container.name,
        Networks: container.spec.network,
      }
    })
    const columns = {
      ID: 'CONTAINER ID',
      Image: 'IMAGE',
      Command: 'COMMAND',
      RunningFor: 'CREATED',
      Status: 'STATUS',
      Ports: 'PORTS',
      Names: 'NAMES',
    }
    await printRows(context, rows, columns, flags.format, { CreatedAt: 'CREATED AT', State: 'STATE', Networks: 'NETWORKS' })
  },
})
