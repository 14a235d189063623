import { randomUUID } from 'node:crypto'
import { answerJson, startPeer, type HttpPeer, type PeerOptions, type PeerRequest } from './http-peer.ts'

export interface TokenServerOptions extends PeerOptions {
  /** Passwords (or refresh tokens) by user. Without users everyone is served. */
  readonly users?: Readonly<Record<string, string>>
  /** False: the method is answered with 404. */
  readonly get?: boolean
  readonly post?: boolean
  /** Its name in challenges. Default `registry.example`. */
  readonly service?: string
  /** What of the scopes asked for is granted; default all. */
  readonly grant?: (scopes: readonly string[]) => readonly string[]
  /** Fields of the answer besides `token`. */
  readonly fields?: Readonly<Record<string, unknown>>
}

/** A token server (distribution docs/spec/auth) with opaque tokens. */
export interface TokenServer extends HttpPeer {
  readonly realm: string
  /** The scopes of each token that was given out. */
  readonly tokens: Map<string, readonly string[]>
  /** The challenge that a registry has to answer with, or undefined if the request holds a token for the scope. */
  readonly challenge: (request: PeerRequest, scope: string) => string | undefined
}

const basic = (request: PeerRequest): readonly [user: string, password: string] | undefined => {
  const match = /^Basic (.+)$/.exec(request.headers.authorization ?? '')
  if (match === null) return undefined
  const text = Buffer.from(match[1] ?? '', 'base64').toString()
  return [text.slice(0, text.indexOf(':')), text.slice(text.indexOf(':') + 1)]
}

const allows = (granted: readonly string[], scope: string): boolean => {
  const resource = scope.slice(0, scope.lastIndexOf(':'))
  const have = new Set(
    granted.filter((one) => one.startsWith(`${resource}:`)).flatMap((one) => one.slice(resource.length + 1).split(',')),
  )
  return (
    scope === '' ||
    scope
      .slice(resource.length + 1)
      .split(',')
      .every((action) => have.has(action))
  )
}

export const startTokenServer = async (options: TokenServerOptions = {}): Promise<TokenServer> => {
  const tokens = new Map<string, readonly string[]>()
  const known = (user: string, secret: string): boolean => options.users === undefined || options.users[user] === secret
  const peer = await startPeer(async (request, response) => {
    if (request.path !== '/token') return false
    const form = new URLSearchParams((await request.body()).toString())
    if (request.method === 'GET' ? options.get === false : options.post === false) return false
    const [user, secret] =
      request.method === 'GET'
        ? (basic(request) ?? ['', ''])
        : [form.get('username') ?? '<token>', form.get('password') ?? form.get('refresh_token') ?? '']
    if (!known(user, secret)) return answerJson(response, 401, { details: 'incorrect username or password' })
    const asked = request.method === 'GET' ? request.query.getAll('scope') : (form.get('scope') ?? '').split(' ').filter(Boolean)
    const token = randomUUID()
    tokens.set(token, options.grant?.(asked) ?? asked)
    return answerJson(response, 200, { token, expires_in: 300, ...options.fields })
  }, options)
  const realm = `${peer.url}/token`
  return {
    ...peer,
    realm,
    tokens,
    challenge: (request, scope) => {
      const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1]
      const granted = tokens.get(token ?? '')
      if (granted !== undefined && allows(granted, scope)) return undefined
      const error = token === undefined ? '' : `,error="${granted === undefined ? 'invalid_token' : 'insufficient_scope'}"`
      return `Bearer realm="${realm}",service="${options.service ?? 'registry.example'}"${scope === '' ? '' : `,scope="${scope}"`}${error}`
    },
  }
}
