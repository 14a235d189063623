import type { ListedImage } from '../engine/images/list.ts'
import { imageTrees, type ImageTree, type PlatformBranch } from '../engine/images/tree.ts'
import { displayPlatform } from '../oci/platform.ts'
import { familiarString } from '../oci/reference.ts'
import type { CliContext } from './command.ts'
import { renderTable } from './render/table.ts'
import { humanSize } from './render/units.ts'
import { shownNames } from './shown-names.ts'

const headings = ['IMAGE', 'ID', 'DISK USAGE', 'CONTENT SIZE', 'EXTRA'] as const

/** `images --tree`: each image with its platforms, those that are not here too. */
export const printImageTree = async (context: CliContext, images: readonly ListedImage[], full: boolean): Promise<void> => {
  const trees = await imageTrees(context.engine, images)
  context.write(renderTable([headings, ...trees.flatMap((tree) => rowsOf(tree, full))]))
}

type Row = readonly string[]

const rowsOf = (tree: ImageTree, full: boolean): readonly Row[] => {
  const id = (digest: string): string => (full ? digest : digest.slice(7, 19))
  const sizes = ({ diskUsage, contentSize }: Pick<PlatformBranch, 'diskUsage' | 'contentSize'>): Row => [
    humanSize(diskUsage),
    humanSize(contentSize),
  ]
  const names = tree.names.length === 0 ? ['<untagged>'] : shownNames(tree.names).map(familiarString)
  const isUsed = tree.platforms.some((branch) => branch.isUsed)
  const [first = '', ...others] = names
  const last = tree.platforms.length - 1
  return [
    [first, id(tree.target.digest), ...sizes(tree), isUsed ? 'U' : ''],
    ...others.map((name) => [name, '', '', '', '']),
    ...tree.platforms.map((branch, index) => [
      `${index === last ? '└─' : '├─'} ${branch.platform === undefined ? 'unknown' : displayPlatform(branch.platform)}`,
      id(branch.descriptor.digest),
      ...sizes(branch),
      branch.isHere ? (branch.isUsed ? 'U' : '') : 'not here',
    ]),
  ]
}
