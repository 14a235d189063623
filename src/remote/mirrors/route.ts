/** How one server is spoken to, where a configuration file says more than its name. */
export interface EndpointSettings {
  /** The root of its API, ending in a slash, if it is given and need not be found out. */
  readonly root?: string
  /** False: certificates are not checked; plain HTTP is spoken where https is not, unless `root` names the scheme. */
  readonly tlsVerify?: boolean
  /** Sent with each request to this server, and to no other. */
  readonly headers?: Readonly<Record<string, string>>
  /** What a mirror of several registries is told with `ns=` (containerd docs/hosts.md). */
  readonly namespace?: string
  /** Files with authorities to trust besides those that are trusted anyway. */
  readonly authorities?: readonly string[]
  /** Files. */
  readonly clientCertificate?: { readonly certificate: string; readonly key: string }
  /** Milliseconds until a connection must stand. */
  readonly connectTimeout?: number
}

/** Where a repository is. */
export interface Place {
  /** `docker.io` or `host:port`, by which its credentials are found. */
  readonly domain: string
  readonly path: string
  readonly endpoint?: EndpointSettings
}

/** A copy of a repository that is asked before the registry itself. */
export interface Mirror extends Place {
  /** What a tag means is asked here. */
  readonly tags: boolean
  /** Content by digest is asked for here: `tagged` if the tag was found here too. */
  readonly content: boolean | 'tagged'
}

/** Where the repository of a name is read from and written to. */
export type Route =
  | { readonly kind: 'blocked'; readonly file: string }
  | {
      readonly kind: 'places'
      /** The file that says so. */
      readonly file: string
      /** In the order in which they are asked. */
      readonly mirrors: readonly Mirror[]
      /** Read last. */
      readonly origin: Place
      readonly push: Place
    }

/** What a configuration file says about a name; undefined if nothing. */
export type Routing = (domain: string, path: string) => Promise<Route | undefined>
