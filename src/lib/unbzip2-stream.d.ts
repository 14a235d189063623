/** The package has no types: it exports a function that makes a transform. */
declare module 'unbzip2-stream' {
  import type { Transform } from 'node:stream'

  const create: () => Transform
  export default create
}
