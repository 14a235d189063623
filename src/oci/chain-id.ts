import { digestOf, type ChainId, type DiffId } from './digest.ts'

/**
 * The chain ID of every layer with all below it, base first (image-spec config.md §Layer ChainID). The first is the layer's diff ID;
 * each further one is the digest of the chain ID below, a space and the diff ID.
 */
export const chainIds = (diffIds: readonly DiffId[]): readonly ChainId[] => {
  const chain: ChainId[] = []
  for (const diffId of diffIds) {
    const below = chain.at(-1)
    chain.push(below === undefined ? diffId : digestOf(`${below} ${diffId}`))
  }
  return chain
}
