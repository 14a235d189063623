/** Which of what is not used is to be removed. */
export interface PruneFilter {
  /** Only what was made before, milliseconds since 1970. */
  readonly until?: number
  /** Each label that must be there, with its value if that matters. */
  readonly labels?: readonly LabelFilter[]
  /** Each label that must not be there. */
  readonly notLabels?: readonly LabelFilter[]
}

export interface LabelFilter {
  readonly name: string
  readonly value?: string
}

/** True for what the filter lets be removed. What has no time is older than any. */
export const matchesFilter = (
  filter: PruneFilter,
  created: string | undefined,
  labels: Readonly<Record<string, string>> = {},
): boolean => {
  const has = ({ name, value }: LabelFilter): boolean =>
    Object.hasOwn(labels, name) && (value === undefined || labels[name] === value)
  const time = Date.parse(created ?? '')
  if (filter.until !== undefined && !Number.isNaN(time) && time >= filter.until) return false
  return (filter.labels ?? []).every(has) && !(filter.notLabels ?? []).some(has)
}
