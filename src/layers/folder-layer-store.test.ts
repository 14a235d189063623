import { testLayerStore } from '../testing/layer-store.ts'
import { createFolderLayerStore } from './layer-store.ts'

const module = new URL('./layer-store.ts', import.meta.url).href

testLayerStore({ name: 'createFolderLayerStore', module, open: createFolderLayerStore })
