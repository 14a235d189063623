/*
 * Tags differ in case, and files on some systems do not: a tag with capitals is written small, followed by "!" and a hexadecimal
 * number whose bit i says that character i is a capital: "Latest" is "latest!1". A tag may not begin with a dot or hold a "!".
 */

const capital = /[A-Z]/

/** The name of the file of a tag, at most 161 characters. */
export const tagFileName = (tag: string): string => {
  if (!capital.test(tag)) return tag
  let mask = 0n
  for (let index = 0; index < tag.length; index++) if (capital.test(tag.charAt(index))) mask |= 1n << BigInt(index)
  return `${tag.toLowerCase()}!${mask.toString(16)}`
}

/** The tag that a file name stands for. */
export const tagOfFileName = (name: string): string => {
  const [text = '', digits] = name.split('!')
  if (digits === undefined) return text
  const mask = BigInt(`0x${digits}`)
  return Array.from(text, (character, index) => ((mask >> BigInt(index)) & 1n ? character.toUpperCase() : character)).join('')
}
