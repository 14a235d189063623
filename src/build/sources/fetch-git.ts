import { createHash } from 'node:crypto'
import { mkdir, realpath, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Abortable } from '../../lib/bytes.ts'
import { GantryError } from '../../lib/errors.ts'
import { exists } from '../../lib/files.ts'
import { lock } from '../../lib/lock.ts'
import type { SourceServices } from '../interfaces.ts'
import { checkGitSize } from './check-git-size.ts'
import { GitFailure, runGit, type GitOptions } from './git-command.ts'
import type { GitReference } from './git-reference.ts'
import { withinTime } from './limits.ts'
import { redactSources } from './redact-sources.ts'

/** The files of a commit, checked out. */
export interface FetchedCommit {
  /** The folder that was asked for. */
  readonly folder: string
  /** The commit's ID. */
  readonly commit: string
  /** When it was committed, seconds since 1970. */
  readonly time: number
}

export interface FetchGitOptions extends Abortable {
  /** An empty folder, for the checkout; it stays the caller's. */
  readonly folder: string
  readonly onWait?: () => void
}

/**
 * Checks out the commit that a reference means now. Commits are kept below the folder of the sources, so that one is fetched once;
 * what the reference means is asked each time, unless it is a commit. `not_found` for a ref or folder that is not there, `data_loss`
 * for another commit than `checksum` says.
 */
export const fetchGit = async (
  reference: GitReference,
  services: SourceServices,
  options: FetchGitOptions,
): Promise<FetchedCommit> => {
  const what = redactSources(reference.remote)
  return await withinTime(what, services, options, async (signal) => {
    const fetch = new GitFetch(reference, what, services, { ...options, signal })
    try {
      return await fetch.run()
    } catch (error) {
      if (!(error instanceof GitFailure)) throw error
      throw explained(what, error)
    }
  })
}

const explained = (what: string, failure: GitFailure): GantryError => {
  const text = failure.output
  const line =
    text.split('\n').find((one) => /^(?:fatal|error|remote|ssh|Host key|.*Permission denied)/.test(one)) ?? 'git failed'
  const denied = /Authentication failed|could not read Username|terminal prompts disabled|Permission denied|publickey/i.test(text)
  return new GantryError(denied ? 'unauthenticated' : 'unavailable', 'GIT_FAILED', `Cannot fetch "${what}": ${line.trim()}`, {
    cause: failure,
    ...(denied
      ? { hint: 'over ssh, load the key into the agent (ssh-add); settings of git and its credential helpers are not used here' }
      : {}),
  })
}

const isCommit = (text: string): boolean => /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(text)

class GitFetch {
  readonly #reference: GitReference
  readonly #what: string
  readonly #services: SourceServices
  readonly #options: FetchGitOptions
  /** The repository that all builds share. */
  readonly #repository: string

  constructor(reference: GitReference, what: string, services: SourceServices, options: FetchGitOptions) {
    this.#reference = reference
    this.#what = what
    this.#services = services
    this.#options = options
    // the remote may hold a password, and its name must not
    this.#repository = join(services.folder, 'git', createHash('sha256').update(reference.remote).digest('hex'))
  }

  async run(): Promise<FetchedCommit> {
    const { signal, onWait = () => undefined } = this.#options
    await mkdir(join(this.#services.folder, 'git'), { recursive: true })
    await using _lock = await lock(`${this.#repository}.lock`, 'exclusive', { ...(signal && { signal }), onWait })
    const { id, commit: known, target } = await this.#resolve()
    await this.#init(id.length === 64)
    if (!(await this.#has(id))) await this.#fetch(id, target)
    const commit = known ?? (await this.#git('rev-parse', '--verify', '--end-of-options', `${id}^{commit}`)).trim()
    this.#check([id, commit])
    await checkGitSize(commit, this.#services, this.#where())
    const work = join(this.#options.folder, 'work')
    await mkdir(work)
    const index = join(this.#options.folder, 'index')
    const modules = (await this.#git('ls-tree', '--name-only', commit, '--', '.gitmodules')).trim() !== ''
    const keep = this.#reference.keepGitFolder === true && this.#reference.folder === ''
    const submodules = modules && this.#reference.submodules !== false
    if (keep || submodules) await this.#checkOutRepository(work, commit, target, { keep, submodules })
    else await runGit(['read-tree', '--reset', '-u', commit], { ...this.#where(), cwd: work, workTree: work, index })
    const time = Number((await this.#git('show', '--no-patch', '--format=%ct', commit)).trim())
    return { folder: await this.#folder(work), commit, time: Number.isSafeInteger(time) && time > 0 ? time : 0 }
  }

  #where(): GitOptions {
    const { environment, tlsVerify } = this.#services
    const { signal } = this.#options
    return {
      environment,
      what: this.#what,
      cwd: join(this.#services.folder, 'git'),
      gitFolder: this.#repository,
      ...(tlsVerify === undefined ? {} : { tlsVerify }),
      ...(signal === undefined ? {} : { signal }),
    }
  }

  async #git(...args: readonly string[]): Promise<string> {
    return await runGit(args, this.#where())
  }

  /** What the reference is now: the object's ID, that of its commit if it is known, and what to ask the server for. */
  async #resolve(): Promise<{ readonly id: string; readonly commit?: string; readonly target: string }> {
    const { remote, ref } = this.#reference
    if (isCommit(ref)) {
      this.#check([ref])
      return { id: ref, target: ref }
    }
    const { gitFolder: _none, ...nowhere } = this.#where()
    const text = await runGit(['ls-remote', '--', remote, ...(ref === '' ? ['HEAD'] : [ref, `${ref}^{}`])], nowhere)
    const found = new Map(
      text
        .split('\n')
        .map((line) => line.split('\t', 2))
        .map(([id = '', name = '']) => [name, id] as const),
    )
    const bare = ref.replace(/^refs\//, '')
    const branch = `refs/heads/${ref.replace(/^refs\/heads\//, '')}`
    const tag = `refs/tags/${ref.replace(/^refs\/tags\//, '')}`
    // as BuildKit and git-checkout do: a branch before a tag of the same name
    const target = (ref === '' ? ['HEAD'] : [`refs/${bare}`, branch, tag]).find((name) => found.has(name))
    const id = target === undefined ? undefined : found.get(target)
    if (target === undefined || id === undefined || !isCommit(id))
      throw new GantryError(
        'not_found',
        'GIT_REF_NOT_FOUND',
        `Cannot fetch "${this.#what}": repository does not contain ref ${ref === '' ? 'HEAD' : ref}`,
        {
          hint: 'name a branch, a tag or a whole commit ID',
        },
      )
    const peeled = target === tag || target === `refs/${bare}` ? found.get(`${target}^{}`) : undefined
    this.#check([id, ...(peeled === undefined ? [] : [peeled])])
    return { id, target, ...(peeled === undefined ? {} : { commit: peeled }) }
  }

  /** The tag's own ID or that of its commit has to begin so. */
  #check(ids: readonly string[]): void {
    const { checksum } = this.#reference
    if (checksum === undefined || ids.some((id) => id.startsWith(checksum.toLowerCase()))) return
    throw new GantryError(
      'data_loss',
      'CHECKSUM_MISMATCH',
      `Cannot fetch "${this.#what}": expected checksum to match ${checksum}, got ${ids.join(' or ')}`,
      {
        hint: 'the ref has moved, or it is not the commit that was meant',
      },
    )
  }

  async #init(sha256: boolean): Promise<void> {
    if (await exists(join(this.#repository, 'HEAD'))) return
    // one that was interrupted
    await rm(this.#repository, { recursive: true, force: true })
    const { gitFolder: _none, ...nowhere } = this.#where()
    await runGit(
      ['init', '--quiet', '--bare', '--template=', ...(sha256 ? ['--object-format=sha256'] : []), '--', this.#repository],
      nowhere,
    )
    await this.#git('config', 'uploadpack.allowAnySHA1InWant', 'true')
  }

  async #has(id: string): Promise<boolean> {
    try {
      await this.#git('cat-file', '-e', '--end-of-options', `${id}^{tree}`)
      return true
    } catch (error) {
      if (error instanceof GitFailure) return false
      throw error
    }
  }

  /** One commit if the server gives that, else with its history, else all there is. */
  async #fetch(id: string, target: string): Promise<void> {
    const { remote } = this.#reference
    const all = ['+refs/heads/*:refs/remotes/origin/*', '+refs/tags/*:refs/tags/*']
    const attempts = [
      ['--depth=1', '--', remote, target],
      ['--', remote, target],
      ['--', remote, ...all],
    ]
    let failure: GitFailure | undefined
    for (const attempt of attempts) {
      try {
        await this.#git(
          'fetch',
          '--quiet',
          '--force',
          '--no-tags',
          '--no-write-fetch-head',
          '--no-recurse-submodules',
          '--no-auto-maintenance',
          ...attempt,
        )
        if (await this.#has(id)) return
      } catch (error) {
        if (!(error instanceof GitFailure)) throw error
        failure ??= error
        if (!/--depth|shallow|not our ref|unadvertised|couldn't find remote ref|dumb http/i.test(error.output)) throw error
      }
    }
    throw (
      failure ??
      new GantryError('not_found', 'GIT_REF_NOT_FOUND', `Cannot fetch "${this.#what}": repository does not contain ${id}`)
    )
  }

  /** A repository of this checkout's own, for what needs one: submodules, and a `.git` that is kept. */
  async #checkOutRepository(
    work: string,
    commit: string,
    target: string,
    { keep, submodules }: { readonly keep: boolean; readonly submodules: boolean },
  ): Promise<void> {
    const { gitFolder: _shared, ...rest } = this.#where()
    const here: GitOptions = { ...rest, cwd: work }
    const { remote } = this.#reference
    const branch = /^refs\/(?:heads|tags)\//.test(target) ? target : 'refs/gantry/commit'
    await runGit(
      ['init', '--quiet', '--template=', ...(commit.length === 64 ? ['--object-format=sha256'] : []), '--', work],
      here,
    )
    await runGit(
      [
        'fetch',
        '--quiet',
        '--depth=1',
        '--no-tags',
        '--no-write-fetch-head',
        '--update-head-ok',
        '--',
        `file://${this.#repository}`,
        `${commit}:${branch}`,
      ],
      { ...here, local: true },
    )
    await runGit(['checkout', '--quiet', '--force', '--detach', commit], here)
    // submodules with relative addresses are beside the repository
    await runGit(['remote', 'add', '--', 'origin', remote], here)
    if (submodules) await runGit(['submodule', '--quiet', 'update', '--init', '--recursive', '--depth=1'], here)
    if (!keep) return
    await runGit(['remote', 'set-url', '--', 'origin', this.#what], here)
    for (const left of ['FETCH_HEAD', 'ORIG_HEAD', 'logs']) await rm(join(work, '.git', left), { recursive: true, force: true })
  }

  /** The folder of the reference, which no link may lead to: not out of the checkout, and not elsewhere in it. */
  async #folder(work: string): Promise<string> {
    const folder = join(work, this.#reference.folder)
    const found =
      (await exists(folder)) &&
      (await stat(folder)).isDirectory() &&
      (await realpath(folder)) === join(await realpath(work), this.#reference.folder)
    if (found) return folder
    throw new GantryError(
      'not_found',
      'GIT_FOLDER_NOT_FOUND',
      `Cannot fetch "${this.#what}": it has no folder "${this.#reference.folder}"`,
    )
  }
}
