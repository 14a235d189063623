import type { BuildOptions } from '../engine/build.ts'
import { csvFields } from '../lib/csv-fields.ts'
import { GantryError } from '../lib/errors.ts'
import type { FlagValues } from './flags.ts'

/** Flags of `build` that say what is said of the image. */
export const attestFlags = {
  attest: { type: 'list', value: 'type=provenance[,mode=max]', help: 'Say of the image how it was built' },
  provenance: { type: 'string', value: 'true|false|mode=min|max', help: 'Short for --attest type=provenance (default false)' },
  sbom: { type: 'string', value: 'true|false', help: 'Short for --attest type=sbom' },
} as const

const usage = (message: string, hint: string): GantryError => new GantryError('invalid_argument', 'USAGE', message, { hint })

/** Reads `--attest`, `--provenance` and `--sbom` as buildx does; the last one of a type counts. */
export const readAttestFlags = (flags: FlagValues<typeof attestFlags>): Pick<BuildOptions, 'provenance'> => {
  const wanted = new Map<string, ReadonlyMap<string, string>>()
  for (const text of flags.attest) {
    const fields = fieldsOf(text, '--attest')
    const type = fields.get('type')
    if (type !== 'provenance' && type !== 'sbom')
      throw usage(
        `unsupported attestation type ${JSON.stringify(type ?? '')} in --attest`,
        'there are type=provenance and type=sbom',
      )
    wanted.set(type, fields)
  }
  for (const type of ['provenance', 'sbom'] as const) {
    const text = flags[type]
    if (text !== undefined) wanted.set(type, shortForm(text, `--${type}`))
  }
  const sbom = wanted.get('sbom')
  if (sbom !== undefined && isWanted(sbom))
    throw new GantryError('unsupported', 'NO_SCANNER', 'Cannot make an SBOM: gantry has no scanner yet', {
      hint: 'leave --sbom out; --provenance works',
    })
  const provenance = wanted.get('provenance')
  return provenance === undefined || !isWanted(provenance) ? {} : { provenance: readProvenance(provenance) }
}

const isWanted = (fields: ReadonlyMap<string, string>): boolean => !/^(?:true|1)$/.test(fields.get('disabled') ?? 'false')

/** `true`, `false`, or fields. */
const shortForm = (text: string, flag: string): ReadonlyMap<string, string> =>
  /^(?:true|1)$/.test(text) ? new Map() : /^(?:false|0)$/.test(text) ? new Map([['disabled', 'true']]) : fieldsOf(text, flag)

const fieldsOf = (text: string, flag: string): ReadonlyMap<string, string> => {
  const fields = new Map<string, string>()
  for (const word of csvFields(text)) {
    const equals = word.indexOf('=')
    if (equals < 1) throw usage(`invalid value ${JSON.stringify(word)} for "${flag}": it must be key=value`, 'write mode=max')
    fields.set(word.slice(0, equals), word.slice(equals + 1))
  }
  return fields
}

const readProvenance = (fields: ReadonlyMap<string, string>): NonNullable<BuildOptions['provenance']> => {
  const mode = fields.get('mode') ?? 'min'
  const builderId = fields.get('builder-id')
  if (mode !== 'min' && mode !== 'max') throw usage(`unknown provenance mode "${mode}"`, 'there are min and max')
  if ((fields.get('version') ?? 'v1') !== 'v1') throw usage('unknown version of provenance', 'SLSA provenance v1 is written')
  for (const key of fields.keys())
    if (!['type', 'mode', 'builder-id', 'version', 'disabled', 'reproducible', 'inline-only'].includes(key))
      throw usage(`unknown attribute "${key}" of provenance`, 'it has mode, builder-id and version')
  return { mode, ...(builderId === undefined ? {} : { builderId }) }
}
