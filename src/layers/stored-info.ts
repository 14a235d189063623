import type { LayerInfo } from './interfaces.ts'
import type { MountFacts } from './mount-facts.ts'

/** What the store keeps about a layer, as JSON, so that nothing else has to be opened to decide how to mount it. */
export type StoredInfo = LayerInfo & MountFacts
