import { GantryError } from '../../../lib/errors.ts'
import type { PackageManager } from './lock.ts'

const commands: Readonly<Record<PackageManager, string>> = { npm: 'npm install', pnpm: 'pnpm install', yarn: 'yarn install' }

/** A lockfile that cannot be used. */
export const lockInvalid = (
  file: string,
  reason: string,
  options: { readonly hint?: string; readonly cause?: unknown } = {},
): GantryError => new GantryError('invalid_argument', 'LOCKFILE_INVALID', `Cannot read "${file}": ${reason}`, options)

/** A lockfile that says less than package.json asks for. */
export const lockOutdated = (manager: PackageManager, path: string, alias: string, wanted: string): GantryError =>
  new GantryError(
    'failed_precondition',
    'LOCKFILE_OUTDATED',
    `Cannot pack: "${path === '' ? '' : `${path}/`}package.json" asks for ${alias}@${wanted}, which the lockfile does not have`,
    { hint: `run ${commands[manager]}` },
  )
