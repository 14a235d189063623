import type { Engine } from '../engine.ts'
import { containerFolders, findContainer } from './records.ts'
import { currentState } from './state.ts'

/** The container as docker's `container inspect` shows it (Engine API ContainerInspect), as far as gantry has the fields. */
export const inspectContainer = async (engine: Engine, text: string): Promise<object> => {
  const record = await findContainer(engine, text)
  const state = await currentState(engine, record)
  const { spec } = record
  const folders = containerFolders(engine, record.id)
  return {
    Id: record.id,
    Created: record.created,
    Path: spec.args[0] ?? '',
    Args: spec.args.slice(1),
    State: {
      Status: state.status,
      Running: state.status === 'running',
      Pid: state.status === 'running' ? state.pid : 0,
      ExitCode: state.status === 'exited' ? state.exitCode : 0,
      Error: 'error' in state ? (state.error ?? '') : '',
      StartedAt: state.status === 'created' ? '0001-01-01T00:00:00Z' : state.started,
      FinishedAt: state.status === 'exited' ? state.finished : '0001-01-01T00:00:00Z',
    },
    Image: record.image.id,
    Name: `/${record.name}`,
    Platform: 'linux',
    LogPath: folders.log,
    HostConfig: {
      AutoRemove: record.autoRemove,
      Binds: spec.binds.map((bind) => `${bind.source}:${bind.target}${bind.readOnly ? ':ro' : ''}`),
      CapAdd: spec.capAdd ?? [],
      CapDrop: spec.capDrop ?? [],
      ExtraHosts: spec.extraHosts ?? [],
      NetworkMode: spec.network,
      Privileged: spec.privileged === true,
      ReadonlyRootfs: spec.readOnlyRoot,
    },
    GraphDriver: { Name: 'overlayfs', Data: { UpperDir: folders.upper, WorkDir: folders.work } },
    Config: {
      Hostname: spec.hostname ?? '',
      User: spec.user,
      Tty: spec.terminal,
      OpenStdin: spec.interactive,
      Env: spec.env,
      Cmd: spec.args,
      Image: record.image.reference,
      WorkingDir: spec.workingFolder,
      Labels: spec.labels ?? {},
      StopSignal: spec.stopSignal ?? 'SIGTERM',
    },
  }
}
