import { defaultRoot, defaultRunFolder } from '../../lib/default-folders.ts'
import type { Abortable } from '../../lib/bytes.ts'
import { processFacts } from '../../lib/process-facts.ts'
import type { Platform } from '../../oci/descriptor.ts'
import { hostPlatform, parsePlatform } from '../../oci/platform.ts'
import { Engine, type EngineOptions } from '../engine.ts'

/** Where and as whom a function of the library works. What is left out is as it is for the command line. */
export interface LibraryOptions
  extends
    Abortable,
    Partial<
      Pick<EngineOptions, 'root' | 'runFolder' | 'storageDriver' | 'credentials' | 'tlsVerify' | 'plainHttp' | 'onWarning'>
    > {
  /** Proxies, and where credentials and certificates are; default: this process's. */
  readonly environment?: EngineOptions['environment']
  /** Uses this engine with its connections and leaves it open; the options above are its own then. */
  readonly engine?: Engine
}

/** An engine for several calls, which then share connections, tokens and locks. Close it with `await using`, or by its dispose. */
export const createEngine = (options: Omit<LibraryOptions, 'engine' | 'signal'> = {}): Engine => {
  const facts = { ...processFacts(), ...(options.environment === undefined ? {} : { environment: options.environment }) }
  const root = options.root ?? defaultRoot(facts)
  return new Engine({
    ...pick(options),
    root,
    runFolder: options.runFolder ?? defaultRunFolder(facts, root),
    environment: facts.environment,
    platform: hostPlatform({ arch: facts.architecture, platform: 'linux' }),
    userAgent: 'gantry (library)',
    // only containers run it, which these functions do not start
    selfCommand: [],
    now: facts.now,
  })
}

const pick = ({ storageDriver, credentials, tlsVerify, plainHttp, onWarning }: LibraryOptions): Partial<EngineOptions> => ({
  ...(storageDriver && { storageDriver }),
  ...(credentials && { credentials }),
  ...(tlsVerify !== undefined && { tlsVerify }),
  ...(plainHttp !== undefined && { plainHttp }),
  ...(onWarning && { onWarning }),
})

/** Does something with the engine of the options, or with one of its own that is closed afterwards. */
export const withEngine = async <T>(options: LibraryOptions, work: (engine: Engine) => Promise<T>): Promise<T> => {
  if (options.engine !== undefined) return await work(options.engine)
  await using engine = createEngine(options)
  return await work(engine)
}

/** A platform as users write it (`linux/arm64`) or as data. */
export const platformOption = (engine: Engine, platform: string | Platform): Platform =>
  typeof platform === 'string' ? parsePlatform(platform, engine.options.platform) : platform

/** The signal for an options literal. */
export const signalOf = ({ signal }: Abortable): Abortable => (signal === undefined ? {} : { signal })
