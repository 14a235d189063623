import type { Repair } from '../../engine/system/repair.ts'
import { verifyStores, type Damage, type Progress } from '../../engine/system/verify.ts'
import { familiarString, parseReference } from '../../oci/reference.ts'
import { isDigest } from '../../oci/digest.ts'
import { defineCommand, type CliContext } from '../command.ts'

export const command = defineCommand({
  usage: 'system verify [OPTIONS] [IMAGE...]',
  summary: `Hash all that is kept again, and say what is damaged and what uses it; exits with 1 if damage remains

Every blob is compared with its digest and size, every layer's tar with its diff ID, every index with what the tars give. What images and
containers need has to be there; images of other platforms that were never fetched may be absent. Layers that the folder driver has
unpacked are not compared: they are made again from the tars once they are removed.`,
  flags: {
    format: { type: 'string', help: "Format the damages: 'table', 'table TEMPLATE', 'json' or a Go template" },
    repair: {
      type: 'boolean',
      help: "Remove what is damaged; make indexes, layers and blobs again from what is intact, or fetch them from the registry of the image's name",
    },
  },
  arity: [0, Infinity],
  examples: ['gantry system verify', 'gantry system verify --repair', 'gantry system verify alpine:3'],
  async run(context, images, flags) {
    const progress = showProgress(context)
    const repair = flags.repair === true
    const verified = await verifyStores(context.engine, {
      repair,
      signal: context.signal,
      ...(images.length === 0 ? {} : { images }),
      onProgress: progress.update,
    })
    progress.end()
    let repairs: readonly Repair[] = verified.damages.map((damage) => ({ damage, failed: '' }))
    if (repair && verified.damages.length > 0) {
      const { repairStores } = await import('../../engine/system/repair.ts')
      repairs = await repairStores(context.engine, verified, { signal: context.signal })
    }
    const remaining = repairs.filter((one) => 'failed' in one).length
    if (flags.format === undefined) {
      const { humanSize } = await import('../render/units.ts')
      for (const one of repairs) context.print(lineOf(one, repair))
      const checked = `${verified.blobs} blobs and ${verified.layers} layers, ${humanSize(verified.bytes)}`
      const found = repairs.length === 0 ? 'no damage' : `${repairs.length} damaged`
      context.print(`Checked ${checked}: ${found}${repair && repairs.length > 0 ? `, ${remaining} not repaired` : ''}`)
      if (remaining > 0 && !repair) context.warn("hint: 'gantry system verify --repair' brings again what it can")
    } else {
      const { formatRows } = await import('../render/format.ts')
      context.write(formatRows(flags.format, repairs.map(rowOf), headings))
    }
    return remaining > 0 ? 1 : 0
  },
})

const headings = { Kind: 'KIND', Digest: 'DIGEST', Reason: 'REASON', UsedBy: 'USED BY', Repair: 'REPAIR' }

const rowOf = (one: Repair): Readonly<Record<string, unknown>> => ({
  Kind: one.damage.kind,
  Digest: one.damage.digest,
  Reason: one.damage.reason,
  UsedBy: usersOf(one.damage),
  Repaired: 'repaired' in one,
  Repair: 'repaired' in one ? one.repaired : one.failed,
})

const usersOf = ({ usedBy }: Damage): string =>
  usedBy.map((user) => (isDigest(user) || user.startsWith('container ') ? user : familiarString(parseReference(user)))).join(', ')

const lineOf = (one: Repair, repair: boolean): string => {
  const { damage } = one
  const users = usersOf(damage)
  const line = `${damage.kind} ${damage.digest}: ${damage.reason} (${users === '' ? 'used by nothing' : `used by ${users}`})`
  if (!repair) return line
  return 'repaired' in one ? `${line}: repaired: ${one.repaired}` : `${line}: not repaired: ${one.failed}`
}

/** One line on a terminal's stderr that is written over, nothing elsewhere. */
const showProgress = (context: CliContext): { readonly update: (progress: Progress) => void; readonly end: () => void } => {
  if (!context.stderr.isTTY) return { update: () => undefined, end: () => undefined }
  let shown = -1
  const update = ({ done, total }: Progress): void => {
    const percent = total === 0 ? 100 : Math.min(100, Math.floor((done / total) * 100))
    if (percent === shown) return
    shown = percent
    context.stderr.write(`\r\u001B[KVerifying ${percent}% of ${(total / 1e6).toFixed(1)}MB`)
  }
  return { update, end: () => void context.stderr.write('\r\u001B[K') }
}
