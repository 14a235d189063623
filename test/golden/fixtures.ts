import { execFileSync } from 'node:child_process'
import { mkdir, mkdtemp, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { BuiltImage } from '../../src/build/build-image.ts'
import { TestBuilds } from '../../src/build/test-builds.ts'
import { openArchiveSink } from '../../src/content/archive/archive-sink.ts'
import { copy } from '../../src/content/copy.ts'
import { streamOf, type ByteStream } from '../../src/lib/bytes.ts'
import { writeTar, type TarInput } from '../../src/lib/tar/writer.ts'
import { busyboxPath } from '../support.ts'
import { writeContext } from './context.ts'
import { describeImage, type FixtureImage } from './describe.ts'
import { archiveTime, type CorpusRow } from './row.ts'

/** Images that the corpus builds on, besides `base`: each builds on that. */
const fixtureTexts: Readonly<Record<string, string>> = {
  configured: `FROM base
ENV FROM_BASE=1 SHARED=base
LABEL owner=base shared=base
EXPOSE 80
VOLUME /data
USER app
WORKDIR /home/app
STOPSIGNAL SIGQUIT
HEALTHCHECK --interval=7s CMD true
SHELL ["/bin/sh", "-e", "-c"]
ENTRYPOINT ["/entry"]
CMD ["argument"]`,
  triggering: `FROM base
ONBUILD ARG given=default
ONBUILD COPY top /triggered/
ONBUILD RUN echo "$given" > /trigger
ONBUILD ENV TRIGGERED=yes`,
}

/** A place where gantry builds the corpus, with the images that it builds on. */
export class Corpus implements AsyncDisposable {
  readonly builds: TestBuilds
  /** Those with the longest history first. */
  readonly fixtures: readonly FixtureImage[]

  private constructor(builds: TestBuilds, fixtures: readonly FixtureImage[]) {
    this.builds = builds
    this.fixtures = fixtures
  }

  static async open(): Promise<Corpus> {
    const builds = await TestBuilds.open()
    const fixtures: FixtureImage[] = []
    const add = async (name: string, context: string, archive?: ByteStream): Promise<void> => {
      const { descriptor, config } = await builds.build({ context: archive ?? context })
      await builds.content.tag(fullName(name), descriptor)
      fixtures.push({ name, config })
    }
    await add('base', '', baseContext())
    for (const [name, text] of Object.entries(fixtureTexts)) await add(name, await builds.context({ Dockerfile: text }))
    const length = ({ config }: FixtureImage): number => config.history?.length ?? 0
    return new Corpus(
      builds,
      fixtures.sort((a, b) => length(b) - length(a)),
    )
  }

  /** A folder with the context of a row. */
  async context(row: CorpusRow): Promise<string> {
    const parent = join(this.builds.root, 'rows')
    await mkdir(parent, { recursive: true })
    const folder = await mkdtemp(join(parent, 'row-'))
    await writeContext(folder, row)
    return folder
  }

  /** What gantry makes of a row. */
  async build(row: CorpusRow): Promise<BuiltImage> {
    const { buildArgs, labels, target, contexts, dockerfile, piped } = row
    const folder = await this.context(row)
    return await this.builds.build({
      context: piped ? streamOf(Buffer.from(row.text)) : folder,
      ...(buildArgs === undefined ? {} : { buildArgs }),
      ...(labels === undefined ? {} : { labels }),
      ...(target === undefined ? {} : { target }),
      ...(contexts === undefined
        ? {}
        : {
            contexts: Object.fromEntries(Object.entries(contexts).map(([name, value]) => [name, value.replace(/^\./, folder)])),
          }),
      ...(dockerfile === undefined ? {} : { dockerfile: join(folder, dockerfile) }),
    })
  }

  /** An image of gantry's as lines. */
  async describe({ config }: Pick<BuiltImage, 'config'>): Promise<readonly string[]> {
    const layer = async (index: number): Promise<ByteStream> => this.#tar(config.rootfs.diff_ids[index]!)
    return await describeImage({ config, layer }, this.fixtures)
  }

  async *#tar(id: FixtureImage['config']['rootfs']['diff_ids'][number]): ByteStream {
    await using reader = await this.builds.layers.open(id)
    yield* reader.tar()
  }

  /** The images that the corpus builds on, as an archive for `docker load`. */
  async *archive(): ByteStream {
    await using sink = await openArchiveSink({ temporaryFolder: join(this.builds.root, 'archives') })
    for (const { name } of this.fixtures) await copy(this.builds.content, sink, { from: fullName(name), to: fullName(name) })
    yield* await sink.archive()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.builds[Symbol.asyncDispose]()
  }
}

const fullName = (name: string): string => `docker.io/library/${name}:latest`

/**
 * The context of `base`, as a tar, so that it is the same whoever writes it: a root with busybox, two users, and what a container has
 * mounted over, so that no builder leaves mount points.
 */
async function* baseContext(): ByteStream {
  const root: TarInput[] = []
  const add = (name: string, facts: Partial<TarInput> = {}, text?: string | Buffer): void => {
    const body = Buffer.from(text ?? '')
    const kind = facts.kind ?? (text === undefined ? 'folder' : 'file')
    const mtime = { seconds: archiveTime, nanoseconds: 0 }
    const mode = kind === 'folder' ? 0o755 : 0o644
    root.push({
      name,
      kind,
      mode,
      uid: 0,
      gid: 0,
      size: body.length,
      mtime,
      ...(kind === 'file' ? { body: streamOf(body) } : {}),
      ...facts,
    })
  }
  for (const folder of ['bin', 'dev', 'dev/pts', 'dev/shm', 'etc', 'home', 'proc', 'root', 'run', 'run/secrets', 'sys', 'v'])
    add(folder)
  add('tmp', { mode: 0o1777 })
  add('home/app', { uid: 500, gid: 501 })
  add('home/app/.keep', { uid: 500, gid: 501 }, '')
  add('etc/passwd', {}, 'root:x:0:0:root:/root:/bin/sh\napp:x:500:501::/home/app:/bin/sh\n')
  add('etc/group', {}, 'root:x:0:\nstaff:x:77:\n')
  for (const name of ['hosts', 'hostname', 'resolv.conf']) add(`etc/${name}`, {}, '')
  add('etc/motd', {}, 'hello')
  add('bin/busybox', { mode: 0o755 }, await readFile(busyboxPath()))
  for (const name of execFileSync(busyboxPath(), ['--list'], { encoding: 'utf8' }).trim().split('\n'))
    if (name !== 'busybox') add(`bin/${name}`, { kind: 'symlink', mode: 0o777, linkName: 'busybox' })
  const tar: Buffer[] = []
  for await (const chunk of writeTar(root)) tar.push(Buffer.from(chunk))
  const bytes = Buffer.concat(tar)
  const dockerfile = Buffer.from('FROM scratch\nADD root.tar /\nCMD ["sh"]')
  const file = (name: string, body: Buffer): TarInput => ({
    name,
    kind: 'file',
    mode: 0o644,
    uid: 0,
    gid: 0,
    size: body.length,
    mtime: { seconds: archiveTime, nanoseconds: 0 },
    body: streamOf(body),
  })
  yield* writeTar([file('Dockerfile', dockerfile), file('root.tar', bytes)])
}
