import type { Abortable } from '../../lib/bytes.ts'
import type { OnBuildEvent } from '../events.ts'
import type { HttpOp } from '../graph.ts'
import type { SourceServices } from '../interfaces.ts'
import { CheckoutTree } from '../tree/checkout-tree.ts'
import type { Tree } from '../tree/tree.ts'
import { fetchGit } from './fetch-git.ts'
import { fetchHttp } from './fetch-http.ts'
import type { GitReference } from './git-reference.ts'
import { archiveTree, fileTree } from './http-tree.ts'

/** Files from elsewhere, and whether all of them were here already. */
export interface RemoteFiles {
  readonly tree: Tree
  readonly cached: boolean
  /** Seconds since 1970: of the commit, or of the file as the server says. */
  readonly time: number
}

/** What fetching is given of the build that it is for. */
export interface FetchContext extends Abortable {
  readonly sources: SourceServices
  /** A new folder that goes with the build. */
  readonly scratch: () => Promise<string>
  readonly onEvent: OnBuildEvent
  /** The step that is shown. */
  readonly id: string
}

const step = 4 * 1024 * 1024

/** What a server has at an URL. */
export const openHttp = async (
  { url, name, checksum, unpack }: Omit<HttpOp, 'kind'>,
  context: FetchContext,
): Promise<RemoteFiles> => {
  const { sources, scratch, signal, onEvent, id } = context
  const folder = await scratch()
  let shown = 0
  const file = await fetchHttp(url, sources, {
    folder,
    onProgress: (current, total) => {
      if (current < shown + step && current !== total) return
      shown = current
      onEvent({
        kind: 'status',
        id,
        name: 'downloading',
        current,
        ...(total === undefined ? {} : { total }),
        done: current === total,
      })
    },
    ...(checksum === undefined ? {} : { checksum }),
    ...(signal === undefined ? {} : { signal }),
  })
  const archive = unpack ? await archiveTree(file.path, folder, signal === undefined ? {} : { signal }) : undefined
  return { tree: archive?.tree ?? fileTree(file, name), cached: file.cached, time: file.modified ?? archive?.time ?? 0 }
}

/** The files of a commit. */
export const openGit = async (reference: GitReference, context: FetchContext): Promise<RemoteFiles> => {
  const { sources, scratch, signal, onEvent, id } = context
  const { folder, commit, time } = await fetchGit(reference, sources, {
    folder: await scratch(),
    onWait: () => onEvent({ kind: 'status', id, name: 'waiting for another build of this repository', done: false }),
    ...(signal === undefined ? {} : { signal }),
  })
  onEvent({ kind: 'status', id, name: `commit ${commit}`, done: true })
  return { tree: new CheckoutTree(folder, { time, keepGitFolder: reference.keepGitFolder ?? false }), cached: false, time }
}
