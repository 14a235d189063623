import type { LayerInfo } from './interfaces.ts'

/** What the store keeps about a layer, as JSON: so that nothing else has to be opened to decide how to mount it. */
export interface StoredInfo extends LayerInfo {
  /** Its own index, mounted alone, shows what the layer is over nothing: it has no whiteouts and no folders that its tar lacks. */
  readonly alone: boolean
  /** Its own index shows the right thing as a layer of an overlay: no folder in it hides the attributes of one below. */
  readonly stackable: boolean
}
