/** Builders that want the same image twice write one of these: Go's zero time, 1970, 1980 (jib, ko, bazel, buildpacks). */
const latestPretence = Date.UTC(1980, 0, 2)

/** The date, in seconds since 1970, of what has no date of its own: old enough for a pretence, new enough for zip and other formats. */
export const pretendedTime = latestPretence / 1000

/** Seconds since 1970 as RFC 3339 without a fraction, as other builders write them. */
export const formatTime = (seconds: number): string => new Date(seconds * 1000).toISOString().replace('.000Z', 'Z')

/** When an image says that it was made, in milliseconds since 1970; undefined if it does not say, or clearly makes it up. */
export const creationTime = (created: string | undefined): number | undefined => {
  const time = Date.parse(created ?? '')
  return time > latestPretence ? time : undefined
}
