import type { CheckOptions } from '../../build/check-dockerfile.ts'
import { withContextReport, type ContextReport } from '../../build/context-report/context-report.ts'
import { readImage } from '../../content/image.ts'
import type { Engine } from '../engine.ts'
import { findImage } from '../images/lookup.ts'
import { sourceServices } from './source-services.ts'

export type { ContextEntry, ContextReport } from '../../build/context-report/context-report.ts'
export type { MetRule } from '../../build/context-report/rule-trace.ts'

/** Opens a build context and answers what `work` finds in it. Nothing is built or pulled: base images count where they are here. */
export const reportContext = async <T>(
  engine: Engine,
  options: Omit<CheckOptions, 'pull'>,
  work: (report: ContextReport) => Promise<T>,
): Promise<T> =>
  await withContextReport(
    options,
    {
      scratchFolder: engine.path('tmp'),
      sources: sourceServices(engine),
      platform: engine.options.platform,
      resolveImage: async (reference, { platform }) => {
        const { target } = await findImage(engine, reference)
        const image = await readImage(await engine.content(), target, { platform, fallback: true })
        return { image, name: reference, prepare: async () => undefined }
      },
    },
    work,
  )
