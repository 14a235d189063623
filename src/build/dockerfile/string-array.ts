import { isSpace } from './text.ts'

/**
 * The JSON form of an instruction's arguments: an array of strings. Answers the text itself when it is not a JSON array, which
 * makes it the shell form, and undefined for an array of anything else, which is an error.
 */
export const parseStringArray = (text: string): readonly string[] | string | undefined => {
  let start = 0
  while (start < text.length && isSpace(text.charAt(start))) start++
  if (text[start] !== '[') return text
  let value: unknown
  try {
    value = JSON.parse(text.slice(start))
  } catch {
    return text
  }
  if (!Array.isArray(value)) return text
  return value.every((one) => typeof one === 'string') ? value : undefined
}
