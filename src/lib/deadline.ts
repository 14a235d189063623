/** A moment in the future, by a clock that nobody sets. */
export interface Deadline {
  passed(): boolean
}

export const deadlineIn = (milliseconds: number): Deadline => {
  const end = performance.now() + milliseconds
  return { passed: () => performance.now() >= end }
}
