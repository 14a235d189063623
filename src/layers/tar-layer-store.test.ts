import { testLayerStore } from '../testing/layer-store.ts'
import { createTarLayerStore } from './layer-store.ts'

const module = new URL('./layer-store.ts', import.meta.url).href

testLayerStore({ name: 'createTarLayerStore', module, open: createTarLayerStore })
