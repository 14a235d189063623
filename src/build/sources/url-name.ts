/** What ADD calls the file of an URL in a folder: the last part of its path. */
export const nameOfUrl = (text: string): string => {
  const last = /\/([^/]*)\/*$/.exec(URL.parse(text)?.pathname ?? '')?.[1] ?? ''
  let name = last
  try {
    name = decodeURIComponent(last).split('/').at(-1) ?? ''
  } catch {
    name = ''
  }
  return name === '' || name === '.' || name === '..' || name.includes('\0') ? '__unnamed__' : name
}
