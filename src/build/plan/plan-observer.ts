import type { Platform } from '../../oci/descriptor.ts'
import type { Dockerfile, FromInstruction, Instruction, Stage } from '../dockerfile/instruction.ts'
import type { Variables } from './environment.ts'
import type { StageState } from './stage-state.ts'

/** Is asked about everything that is planned, before it is. */
export interface PlanObserver {
  /** The whole file; `globals` are its ARGs before the first FROM over the platform arguments. */
  file(dockerfile: Dockerfile, platformArguments: Variables, globals: Variables): void
  /** Each FROM, also of stages that are not needed. */
  from?(from: FromInstruction): void
  baseImage?(stage: Stage, reference: string, expected: Platform, found: Platform): void
  /** A stage that is needed, and the one that it is built on. */
  stage(stage: Stage, base: Stage | undefined): StageObserver
}

export interface StageObserver {
  /** An instruction of the stage, or a trigger that its base brings, with the state before it. */
  instruction(state: StageState, instruction: Instruction): void
}
