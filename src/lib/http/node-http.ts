import type * as http from 'node:http'
import type * as https from 'node:https'

/**
 * `node:http`, loaded when it is first needed. An import statement would read every export of it, the WebSocket that it has from
 * undici included, and with undici TLS: 60 ms of start-up instead of 10.
 */
export const nodeHttp = (): typeof http => process.getBuiltinModule('node:http')

/** `node:https`, which brings TLS. */
export const nodeHttps = (): typeof https => process.getBuiltinModule('node:https')

/** The words for a status: `Not Found`; empty for one that has none. */
export const statusText = (status: number): string => nodeHttp().STATUS_CODES[status] ?? ''
