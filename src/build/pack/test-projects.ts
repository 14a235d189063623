import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { BuildImageOptions } from '../build-image.ts'
import { TestBuilds, type ContextFile, type TestBuild } from '../test-builds.ts'
import { openProject } from './open-project.ts'
import { packFrontend, type PackOptions, type PackSummary } from './pack-frontend.ts'

export type ProjectFiles = Readonly<Record<string, ContextFile>>

export interface TestPack extends TestBuild {
  readonly summaries: readonly PackSummary[]
  readonly warnings: readonly string[]
}

/** A package.json as text. */
export const manifest = (fields: object): string => JSON.stringify(fields)

/** The files of an installed package: its package.json and an index.js. */
export const installed = (folder: string, name: string, version: string, more: object = {}): ProjectFiles => ({
  [`${folder}/package.json`]: manifest({ name, version, ...more }),
  [`${folder}/index.js`]: `module.exports = '${name} ${version}'\n`,
})

/** A package-lock.json of version 3. */
export const npmLock = (packages: Readonly<Record<string, object>>): string => JSON.stringify({ lockfileVersion: 3, packages })

/** An entry of one, from a registry. */
export const locked = (version: string, more: object = {}): object => ({
  version,
  resolved: 'https://registry.example/x.tgz',
  integrity: 'sha512-AA==',
  ...more,
})

/** Projects in temporary folders and the images that they are packed into; everything goes at the end. */
export class TestProjects implements AsyncDisposable {
  readonly builds: TestBuilds

  private constructor(builds: TestBuilds) {
    this.builds = builds
  }

  /** With an image `base` that Node.js might be in. */
  static async open(config = 'ENTRYPOINT ["docker-entrypoint.sh"]'): Promise<TestProjects> {
    const builds = await TestBuilds.open()
    const { descriptor } = await builds.dockerfile(
      `FROM scratch\nCOPY node /usr/bin/node\n${config}\n`,
      { node: 'node' },
      {
        buildArgs: { SOURCE_DATE_EPOCH: '1700000000' },
      },
    )
    await builds.content.tag('docker.io/library/base:latest', descriptor)
    return new TestProjects(builds)
  }

  async project(files: ProjectFiles): Promise<string> {
    return await this.builds.context(files)
  }

  async link(folder: string, path: string, target: string): Promise<void> {
    await mkdir(dirname(join(folder, path)), { recursive: true })
    await symlink(target, join(folder, path))
  }

  async write(folder: string, path: string, text: string): Promise<void> {
    await writeFile(join(folder, path), text)
  }

  async pack(
    folder: string,
    options: Partial<PackOptions> & { readonly workspace?: string } = {},
    build: Partial<BuildImageOptions> = {},
  ): Promise<TestPack> {
    const { workspace, ...more } = options
    const project = await openProject({
      folder,
      cacheFolder: this.builds.services.cacheFolder,
      ...(workspace === undefined ? {} : { workspace }),
    })
    const summaries: PackSummary[] = []
    const warnings: string[] = []
    const frontend = packFrontend(
      project,
      { base: 'base', env: {}, labels: {}, expose: [], ...more },
      { onPlanned: (one) => summaries.push(one), onWarning: (one) => warnings.push(one) },
    )
    const built = await this.builds.build({ context: project.root, frontend, ...build })
    return { ...built, summaries, warnings }
  }

  /** The paths of an image below /app. */
  async paths(image: Pick<TestBuild, 'config'>): Promise<readonly string[]> {
    const lines = await this.builds.listing(image, 'app')
    return lines.map((line) => line.replace(/^\S+ \S+ app\//, '').replace(/ ".*$/, ''))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.builds[Symbol.asyncDispose]()
  }
}
