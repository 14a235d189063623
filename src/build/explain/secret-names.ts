/** The words by which docker's lint (SecretsUsedInArgOrEnv) knows variables that hold secrets. */
const words = /(?:^|_)(?:apikey|auth|credentials?|key|passwd|password|pword|secret|token)(?:$|_)/i

/** True for a variable whose value should not be shown or kept, by its name; a public key is none. */
export const isSecretName = (name: string): boolean => words.test(name) && !/(?:^|_)public(?:$|_)/i.test(name)

/** Shorter values stand in too many texts by chance. */
const shortest = 4

/** Takes the values of build arguments that hold secrets out of texts. */
export const scrubber = (given: Readonly<Record<string, string>>): ((text: string) => string) => {
  const secrets = Object.entries(given)
    .filter(([name, value]) => isSecretName(name) && value.length >= shortest)
    .map(([, value]) => value)
    .toSorted((a, b) => b.length - a.length)
  return (text) => secrets.reduce((rest, secret) => rest.replaceAll(secret, '***'), text)
}
