/** Flags of every command that speaks to a registry; main() hands them to the engine. */
export const registryFlags = {
  'tls-verify': { type: 'boolean', help: 'Check the certificate of the registry (default true)' },
  'plain-http': { type: 'boolean', help: 'Speak plain HTTP to the registry' },
} as const

/** How long work is shown. */
export const progressFlag = {
  type: 'string',
  value: 'MODE',
  help: 'How progress is shown: auto, tty, plain, rawjson or quiet (default auto)',
} as const
