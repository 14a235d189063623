const value = /\s*(\d{3})\s+([^\s",]+)\s+"((?:[^"\\]|\\.)*)"(?:\s+"[^"]*")?\s*(?:,|$)/y
const maxLength = 1000
// oxlint-disable-next-line no-control-regex -- terminals act on control characters
const control = /[\u0000-\u001F\u007F-\u009F]+/g

/** The texts for the user of untrusted Warning headers: those with code 299 (distribution-spec §Warnings), safe to print. */
export const parseWarnings = (header = ''): readonly string[] => {
  const texts: string[] = []
  value.lastIndex = 0
  for (;;) {
    const match = value.exec(header)
    if (match === null) return texts
    const text = (match[3] ?? '').replace(/\\(.)/g, '$1').replace(control, ' ').trim().slice(0, maxLength)
    if (match[1] === '299' && text !== '') texts.push(text)
  }
}
