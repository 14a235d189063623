/** Builders that want the same image twice write one of these: Go's zero time, 1970, 1980 (jib, ko, bazel, buildpacks). */
const latestPretence = Date.UTC(1980, 0, 2)

/** When an image says that it was made, in milliseconds since 1970; undefined if it does not say, or clearly makes it up. */
export const creationTime = (created: string | undefined): number | undefined => {
  const time = Date.parse(created ?? '')
  return time > latestPretence ? time : undefined
}
