import { GantryError, isGantryError, messageOf, systemCode, type ErrorKind } from '../errors.ts'

interface Reason {
  readonly kind: ErrorKind
  readonly code: string
  readonly text: string
  readonly hint?: string
}

const unavailable = (code: string, text: string, hint?: string): Reason => ({
  kind: 'unavailable',
  code,
  text,
  ...(hint && { hint }),
})

const certificate = (text: string): Reason => ({
  kind: 'failed_precondition',
  code: 'CERTIFICATE_INVALID',
  text: `its certificate cannot be trusted: ${text}`,
  hint: 'put the certificate of its authority into certs.d (for example /etc/docker/certs.d/HOST:PORT/ca.crt), or use --tls-verify=false',
})

const refused = 'check the host and port, and that the server is running'
const reasons: Readonly<Record<string, Reason>> = {
  ECONNREFUSED: unavailable('CONNECTION_REFUSED', 'connection refused', refused),
  ENOTFOUND: unavailable('HOST_NOT_FOUND', 'no such host', 'check the spelling of the host, and the name server'),
  EAI_AGAIN: unavailable(
    'HOST_LOOKUP_FAILED',
    'the name server did not answer',
    'check the network connection and the name server',
  ),
  ETIMEDOUT: unavailable('TIMEOUT', 'connection timed out', 'check the network connection, and HTTPS_PROXY if there is a proxy'),
  EHOSTUNREACH: unavailable('HOST_UNREACHABLE', 'no route to host', 'check the network connection'),
  ENETUNREACH: unavailable('HOST_UNREACHABLE', 'network is unreachable', 'check the network connection'),
  ECONNRESET: unavailable('CONNECTION_LOST', 'the connection was closed by the other side'),
  EPIPE: unavailable('CONNECTION_LOST', 'the connection was closed by the other side'),
  ERR_STREAM_PREMATURE_CLOSE: unavailable('CONNECTION_LOST', 'the connection was closed by the other side'),
  HPE_HEADER_OVERFLOW: { kind: 'resource_exhausted', code: 'HEADERS_TOO_LARGE', text: 'its answer has too large headers' },
  CERT_HAS_EXPIRED: certificate('it has expired'),
  CERT_NOT_YET_VALID: certificate('it is not valid yet'),
  ERR_TLS_CERT_ALTNAME_INVALID: certificate('it is for another host'),
}

/** Certificates that no known authority has signed. */
export const isUntrusted = (error: unknown): boolean =>
  /^(?:UNABLE_TO_(?:GET_ISSUER_CERT|GET_ISSUER_CERT_LOCALLY|VERIFY_LEAF_SIGNATURE)|(?:DEPTH_ZERO_)?SELF_SIGNED_CERT(?:_IN_CHAIN)?|CERT_UNTRUSTED)$/.test(
    systemCode(error) ?? '',
  )

const reasonOf = (error: unknown): Reason => {
  const code = systemCode(error) ?? ''
  const known = reasons[code]
  if (known !== undefined) return known
  if (isUntrusted(error)) return certificate('it is signed by an unknown authority')
  if (code.startsWith('CERT_')) return certificate(code.slice('CERT_'.length).toLowerCase().replaceAll('_', ' '))
  if (
    /wrong version number|packet length too long|WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG/.test(`${code} ${messageOf(error)}`)
  )
    return {
      kind: 'failed_precondition',
      code: 'HTTP_RESPONSE_TO_HTTPS',
      text: 'server gave HTTP response to HTTPS client',
      hint: 'use --plain-http if this server is meant to speak plain HTTP',
    }
  if (code === 'EPROTO' || code.startsWith('ERR_SSL_') || code.startsWith('ERR_TLS_'))
    return { kind: 'failed_precondition', code: 'TLS_FAILED', text: `the TLS handshake failed (${code})` }
  if (code === 'ERR_PROXY_TUNNEL')
    return unavailable('PROXY_FAILED', messageOf(error), 'check HTTPS_PROXY and the credentials in it')
  if (code.startsWith('HPE_'))
    return { kind: 'unavailable', code: 'HTTP_INVALID', text: `its answer is not valid HTTP (${code})` }
  return unavailable('CONNECTION_FAILED', code === '' ? messageOf(error) : code)
}

/** What a failed connection to a host means, as an error with a hint; errors of our own pass. */
export const connectionError = (host: string, cause: unknown): GantryError => {
  if (isGantryError(cause)) return cause
  const { kind, code, text, hint } = reasonOf(cause)
  return new GantryError(kind, code, `Cannot reach "${host}": ${text}`, { cause, ...(hint !== undefined && { hint }) })
}

/** A host that stayed silent. `during` says when: `while it sent its answer`. Milliseconds. */
export const timeoutError = (host: string, during: string, milliseconds: number): GantryError =>
  new GantryError('unavailable', 'TIMEOUT', `Cannot reach "${host}": nothing came for ${milliseconds / 1000} s ${during}`, {
    hint: 'check the network connection, and try again',
  })
