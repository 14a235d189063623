import type { Referrer, ReferrerTree } from '../../engine/artifacts/list-referrers.ts'
import { printable } from './display-width.ts'

/** What refers to an image as a tree, a line for each with its type and its annotations below it. */
export const referrerLines = (referrers: readonly Referrer[], indent = ''): readonly string[] =>
  referrers.flatMap(({ descriptor, tag, referrers: below }, index) => {
    const last = index === referrers.length - 1
    const type = printable(descriptor.artifactType ?? descriptor.mediaType)
    const inner = `${indent}${last ? '    ' : '│   '}`
    return [
      `${indent}${last ? '└── ' : '├── '}${type}  ${descriptor.digest}${tag === undefined ? '' : `  (tag ${tag})`}`,
      ...Object.entries(descriptor.annotations ?? {}).map(
        ([key, value]) => `${inner}${below.length > 0 ? '│   ' : '    '}${printable(`${key}: ${value}`)}`,
      ),
      ...referrerLines(below, inner),
    ]
  })

/** The tree as JSON: descriptors, each with a list of its own `referrers`. */
export const referrerJson = ({ subject, referrers }: ReferrerTree): object => ({
  subject,
  referrers: referrers.map(nodeJson),
})

const nodeJson = ({ descriptor, tag, referrers }: Referrer): object => ({
  ...descriptor,
  ...(tag === undefined ? {} : { tag }),
  ...(referrers.length === 0 ? {} : { referrers: referrers.map(nodeJson) }),
})

/** All of a tree, each before what refers to it. */
export const flatReferrers = (referrers: readonly Referrer[]): readonly Referrer[] =>
  referrers.flatMap((one) => [one, ...flatReferrers(one.referrers)])
