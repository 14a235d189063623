import { systemInfo, type SystemInfo } from '../../engine/system/info.ts'
import { defineCommand } from '../command.ts'
import { version } from '../version.ts'

export const command = defineCommand({
  usage: 'info [OPTIONS]',
  summary: 'Show what there is and what it runs on',
  flags: { format: { type: 'string', short: 'f', help: "Format the output: 'json' or a Go template" } },
  arity: [0, 0],
  examples: ['gantry info', "gantry info --format '{{.Driver}} {{.DefaultRuntime}}'"],
  async run(context, _args, flags) {
    const info = await systemInfo(context.engine, version)
    if (flags.format !== undefined) {
      const { formatRows } = await import('../render/format.ts')
      context.write(formatRows(flags.format, [info as SystemInfo & Record<string, unknown>], {}))
      return
    }
    const { bytesSize } = await import('../render/units.ts')
    context.write(
      linesOf(info, bytesSize(info.MemTotal))
        .map((line) => ` ${line}\n`)
        .join(''),
    )
    for (const warning of info.Warnings) context.warn(warning)
  },
})

const linesOf = (info: SystemInfo, memory: string): readonly string[] => [
  `Containers: ${info.Containers}`,
  ` Running: ${info.ContainersRunning}`,
  ` Paused: ${info.ContainersPaused}`,
  ` Stopped: ${info.ContainersStopped}`,
  `Images: ${info.Images}`,
  `Version: ${info.ServerVersion}`,
  `Storage Driver: ${info.Driver}`,
  ...info.DriverStatus.map(([name, value]) => ` ${name}: ${value}`),
  `Logging Driver: ${info.LoggingDriver}`,
  `Cgroup Driver: ${info.CgroupDriver}`,
  `Cgroup Version: ${info.CgroupVersion}`,
  `Runtimes: ${Object.keys(info.Runtimes).join(' ')}`,
  `Default Runtime: ${info.DefaultRuntime}`,
  ...Object.entries(info.Runtimes).map(([name, { path, version }]) => ` ${name}: ${path} (${version})`),
  `Monitor: ${info.Monitor}`,
  'Security Options:',
  ...info.SecurityOptions.map((option) => ` ${option.replace(/^name=/, '').replace(',profile=', '\n   Profile: ')}`),
  `Kernel Version: ${info.KernelVersion}`,
  `Operating System: ${info.OperatingSystem}`,
  `OSType: ${info.OSType}`,
  `Architecture: ${info.Architecture}`,
  ...(info.EmulatedArchitectures.length === 0 ? [] : [`Emulated Architectures: ${info.EmulatedArchitectures.join(' ')}`]),
  `CPUs: ${info.NCPU}`,
  `Total Memory: ${memory}`,
  `Name: ${info.Name}`,
  `ID: ${info.ID}`,
  `Root Dir: ${info.DockerRootDir}`,
  `Run Dir: ${info.RunFolder}`,
  ...(info.HttpProxy === '' ? [] : [`HTTP Proxy: ${info.HttpProxy}`]),
  ...(info.HttpsProxy === '' ? [] : [`HTTPS Proxy: ${info.HttpsProxy}`]),
  ...(info.NoProxy === '' ? [] : [`No Proxy: ${info.NoProxy}`]),
  `Registry: ${info.RegistryConfig.IndexServerAddress}`,
  `Credentials: ${info.RegistryConfig.CredentialFile}`,
  'Certificates:',
  ...info.RegistryConfig.Certificates.map((folder) => ` ${folder}`),
  'Insecure Registries:',
  ...info.RegistryConfig.InsecureRegistryCIDRs.map((range) => ` ${range}`),
]
