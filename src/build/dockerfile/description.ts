/** What a comment `# NAME text` right above an ARG or a stage says of it; '' where none does. */
export const describedAs = (name: string | undefined, comments: readonly string[]): string => {
  const found = name === undefined || name === '' ? undefined : comments.find((comment) => comment.startsWith(`${name} `))
  return found === undefined ? '' : found.slice((name ?? '').length + 1)
}
