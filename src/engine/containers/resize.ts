import { resizeTerminal } from '../../runtime/attach.ts'
import type { Engine } from '../engine.ts'
import { placeOf } from './place.ts'

/** Tells a container's terminal its size. */
export const resizeContainer = (engine: Engine, id: string, size: { readonly rows: number; readonly columns: number }): void =>
  resizeTerminal(placeOf(engine, id).folder, size)
