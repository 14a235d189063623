import { join } from 'node:path'

/** What decides where gantry keeps things. */
export interface FolderFacts {
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Only asked for where it counts. */
  readonly home: string
  /** True for uid 0. */
  readonly superuser: boolean
}

/** The state root: `GANTRY_ROOT`, else /var/lib/gantry for root and `$XDG_DATA_HOME/gantry` for others. */
export const defaultRoot = (facts: FolderFacts): string => {
  const { environment, superuser } = facts
  if (environment.GANTRY_ROOT) return environment.GANTRY_ROOT
  return superuser ? '/var/lib/gantry' : join(environment.XDG_DATA_HOME || join(facts.home, '.local', 'share'), 'gantry')
}

/** What need not outlive a reboot: `GANTRY_RUN`, else /run/gantry for root and `$XDG_RUNTIME_DIR/gantry` for others. */
export const defaultRunFolder = ({ environment, superuser }: FolderFacts, root: string): string => {
  if (environment.GANTRY_RUN) return environment.GANTRY_RUN
  if (superuser) return '/run/gantry'
  return environment.XDG_RUNTIME_DIR ? join(environment.XDG_RUNTIME_DIR, 'gantry') : join(root, 'run')
}
