import type { ContainerPlace } from '../../runtime/container.ts'
import type { Engine } from '../engine.ts'
import { containerFolders } from './records.ts'

/** Where the runtime keeps what belongs to a container. */
export const placeOf = (engine: Engine, id: string): ContainerPlace => ({ id, folder: containerFolders(engine, id).bundle })
