import type { CorpusRow, CorpusRows } from '../row.ts'

const tree = {
  a: '1',
  'b.txt': '2',
  'c.md': '3',
  '.hidden': '4',
  'd/a': '5',
  'd/b.txt': '6',
  'd/e/b.txt': '7',
  'd/e/c.md': '8',
  'node_modules/x/index.js': '9',
  'd/node_modules/y/index.js': '10',
} as const

/** The whole context under some rules, without the files that say how to build. */
const under = (rules: string, more: CorpusRow['files'] = {}): CorpusRow => ({
  text: 'FROM scratch\nCOPY . /c',
  files: { ...tree, ...more, '.dockerignore': rules },
})

/** .dockerignore (102 to 105). */
export const ignore: CorpusRows = {
  'ignore-anchored': under('a\nb.txt\n'),
  'ignore-leading-slash': under('/a\n/d/b.txt\n'),
  'ignore-any-depth': under('**/b.txt\n**/node_modules\n'),
  'ignore-star': under('*.md\nd/*.txt\n'),
  'ignore-star-star-middle': under('d/**/c.md\n'),
  'ignore-trailing-star-star': under('d/**\n'),
  'ignore-all-but': under('*\n!d\n!b.txt\n'),
  'ignore-all-but-deep': under('*\n!d/e/c.md\n'),
  'ignore-exception-order': under('*.txt\n!b.txt\nb.txt\n!d/b.txt\n'),
  'ignore-exception-below': under('d\n!d/e\nd/e/b.txt\n'),
  'ignore-all-star-star-but': {
    ...under('**\n!**/b.txt\n'),
    differs: ['d folder 755 0:0', 'd/b.txt file 644 0:0 "6"', 'd/e folder 755 0:0', 'd/e/b.txt file 644 0:0 "7"'].map((line) => ({
      reason:
        'an exception with a pattern may be anywhere, as BuildKit knows by now; docker 20.10 does not look below what is kept out',
      ours: `  c/${line} @2021-06-01T00:00:00`,
    })),
  },
  'ignore-comments-and-blanks': under('# a comment\n\n   \n  a  \n#b.txt\n #c.md\n'),
  'ignore-bom-and-crlf': under('\u{feff}a\r\nb.txt\r\n!b.txt\r\n'),
  'ignore-dot': under('.\n./a\n'),
  'ignore-dots': under('../a\nd/../b.txt\nd//e\n'),
  'ignore-hidden': under('.*\n'),
  'ignore-question-and-class': under('?\n[bc].*\n'),
  'ignore-trailing-slash': under('d/\nnode_modules/\n'),
  'ignore-itself': under('Dockerfile\n.dockerignore\n'),
  'ignore-bang-blank': under('*\n! a\n'),
  'ignore-escaped': under('\\!x\n\\#y\n', { '!x': 'x', '#y': 'y' }),
  'ignore-nested-file-means-nothing': under('a\n', { 'd/.dockerignore': 'b.txt\n' }),
  'ignore-not-gitignore': under('', { '.gitignore': 'a\n' }),
  'ignore-folder-empty-left': under('d/e/*\n'),
  'ignore-copy-of-excluded': {
    text: 'FROM scratch\nCOPY a /a',
    files: { a: '1', '.dockerignore': 'a' },
    refused: /"\/a": not found/,
  },
  'ignore-glob-over-excluded': {
    text: 'FROM scratch\nCOPY *.txt /t/',
    files: { ...tree, 'x.txt': 'x', '.dockerignore': 'b.txt' },
  },
  'ignore-by-dockerfile-name': {
    text: 'FROM scratch\nCOPY . /c',
    dockerfile: 'build/My.Dockerfile',
    files: { ...tree, '.dockerignore': 'a', 'build/My.Dockerfile.dockerignore': 'b.txt\nbuild\n' },
  },
  'ignore-dockerfile-elsewhere': {
    text: 'FROM scratch\nCOPY . /c',
    dockerfile: 'build/Dockerfile',
    files: { ...tree, '.dockerignore': 'a\nbuild' },
  },
}
