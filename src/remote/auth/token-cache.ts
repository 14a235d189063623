import { isGantryError } from '../../lib/errors.ts'
import type { Deadline } from '../../lib/deadline.ts'
import { coversScopes } from './scope.ts'

/** Who asks which token server for what. */
export interface TokenKey {
  readonly realm: string
  readonly service: string
  /** Tells users apart; holds secrets and is never shown. */
  readonly identity: string
  readonly scopes: readonly string[]
}

/** A bearer token and when to stop using it. */
export interface Token {
  readonly value: string
  readonly expiry: Deadline
  /** What may be kept in place of a password, if that was asked for and there is one. */
  readonly refreshToken?: string
}

const sameServer = (a: TokenKey, b: TokenKey): boolean =>
  a.realm === b.realm && a.service === b.service && a.identity === b.identity

/** Tokens by realm, service, user and scopes. One that was asked for more serves less; several who want the same wait for one request. */
export class TokenCache<Denied> {
  #kept: readonly { readonly key: TokenKey; readonly token: Token }[] = []
  readonly #pending = new Map<string, Promise<Token | Denied>>()
  readonly #isToken: (result: Token | Denied) => result is Token

  constructor(isToken: (result: Token | Denied) => result is Token) {
    this.#isToken = isToken
  }

  async get(key: TokenKey, fetch: () => Promise<Token | Denied>): Promise<Token | Denied> {
    this.#kept = this.#kept.filter(({ token }) => !token.expiry.passed())
    const found = this.#kept.find((kept) => sameServer(kept.key, key) && coversScopes(kept.key.scopes, key.scopes))
    if (found !== undefined) return found.token
    const id = JSON.stringify([key.realm, key.service, key.identity, key.scopes])
    const pending = this.#pending.get(id)
    if (pending !== undefined)
      try {
        return await pending
      } catch (error) {
        // whoever had begun has been stopped: that is not the end for others
        if (!isGantryError(error, 'canceled')) throw error
        return await this.get(key, fetch)
      }
    const fetching = fetch().finally(() => this.#pending.delete(id))
    this.#pending.set(id, fetching)
    const result = await fetching
    if (this.#isToken(result)) this.#kept = [...this.#kept, { key, token: result }]
    return result
  }

  /** Drops a token that a registry has refused. */
  forget(value: string): void {
    this.#kept = this.#kept.filter(({ token }) => token.value !== value)
  }
}
