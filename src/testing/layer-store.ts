import { describe } from 'node:test'
import { testLayerAdding } from './layer-store-adding.ts'
import type { LayerStoreSuite } from './layer-store-fixture.ts'
import { testLayerMounting } from './layer-store-mounting.ts'
import { testLayerSafety } from './layer-store-safety.ts'

/** Registers the tests that every layer store passes. */
export const testLayerStore = (suite: LayerStoreSuite): void =>
  void describe(`${suite.name}()`, () => {
    testLayerAdding(suite)
    testLayerSafety(suite)
    testLayerMounting(suite)
  })
