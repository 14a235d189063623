import type { SourceServices } from '../../build/interfaces.ts'
import type { Engine } from '../engine.ts'

/** How builds reach the servers that they take files from. */
export const sourceServices = (engine: Engine): SourceServices => {
  const { environment, tlsVerify, userAgent } = engine.options
  return {
    folder: engine.path('sources'),
    environment,
    ...(tlsVerify === undefined ? {} : { tlsVerify }),
    ...(userAgent === undefined ? {} : { userAgent }),
  }
}
