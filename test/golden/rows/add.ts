import type { ArchiveMember, CorpusRows } from '../row.ts'

const members: readonly ArchiveMember[] = [
  { name: 'in', folder: true, mode: 0o750, owner: [7, 8] },
  { name: 'in/one', text: 'ONE', owner: [7, 8] },
  { name: 'in/two', text: '2', mode: 0o4750, owner: [7, 8] },
  { name: 'in/link', link: 'one' },
  { name: 'in/hard', hardLink: 'in/one', owner: [7, 8] },
]
const files = {
  'archive.tar': { archive: members },
  'plain.gz': { base64: 'H4sIAAAAAAACA8vLV0gsSs7ILEsFAHTymB4KAAAA' },
  'named.tar': 'only text',
  top: 'top',
  'sub/inner.tar': { archive: members },
  'sub/file': 'file',
} as const

/** A tar with a file `f`, as GNU tar and these programs make it. */
const gzip =
  'H4sIAAAAAAACA0tjoD0wAAIzExMwDQTotIGBoRGDobGZgZG5mYEJWNzc1MSYQcGADm5jKC0uSSwCOYWQJ4jwJLLnhghIzs8tKEotLk5NYRgFo2AUjIJRMIIAAIMhOBsACAAA'
const bzip2 =
  'QlpoOTFBWSZTWYRQvDkAADv7kMoAAAhAAH+AAADvAt4ABAAAiCAAVETIm0TRpkaGm01BKaoekGmgaAA5NU/MTcBo8vJFclBgTCZRvoAghqkNnQ4gFAdNvDTISo+sxPTYgxn1OVTCJk4KS7sZ+LuSKcKEhCKF4cg='
const xz =
  '/Td6WFoAAATm1rRGAgAhARwAAAAQz1jM4Af/AE5dADMAM1AYaImDAdzibiD9/i4m+Gne0VI6MBkPI4zAVh2LqYMmVLYhMC6RX/SvkGPDt4J8i4CBYIVW2LXmB05oHt4KCct589rZgrnQr/1sAAAAAOmixtNtQvR+AAFqgBAAAADsH8WLscRn+wIAAAAABFla'
const zstd =
  'KLUv/WQAB00CANKDCxCgHQ7cWM9a/6tX01IFYF4GVSvGBV9zqfcvRDLODjpIOd8nmyM2I1SEv4SY/7IJIFC3O/L9TiIVYAgQsSIaOB2RPZyfDhaAojeQ'

const extracted = 'BuildKit gives what it extracts to whom --chown says by now; docker 20.10 does not'

/** ADD of files and of archives on this machine (99). */
export const add: CorpusRows = {
  'add-file': { text: 'FROM base\nADD top /a\nADD top /b/\nADD sub/file top /c/', files, buildah: true },
  'add-folder': { text: 'FROM scratch\nADD sub /s', files },
  'add-archive': { text: 'FROM base\nADD archive.tar /x/\nADD archive.tar /etc\nADD plain.gz /y/\nCOPY archive.tar /z/', files },
  'add-archive-plain': { text: 'FROM scratch\nADD archive.tar /', files },
  'add-archive-to-name': { text: 'FROM scratch\nADD archive.tar /named', files },
  'add-archive-any-name': {
    text: 'FROM scratch\nADD data /x/',
    files: { data: { archive: [{ name: 'f', text: 'f' }] } },
    buildah: true,
  },
  'add-archive-gzip': { text: 'FROM scratch\nADD any /x/', files: { any: { base64: gzip } }, buildah: true },
  'add-archive-bzip2': { text: 'FROM scratch\nADD any.tar /x/', files: { 'any.tar': { base64: bzip2 } } },
  'add-archive-xz': { text: 'FROM scratch\nADD any /x/', files: { any: { base64: xz } } },
  'add-archive-zstd': {
    text: 'FROM scratch\nADD any /x/',
    files: { any: { base64: zstd } },
    // docker 20.10 does not know it yet
    written: [
      'linux/amd64',
      'config.Env ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]',
      'config.WorkingDir "/"',
      'history + ADD any /x/ # buildkit',
      'layer',
      '  x folder 755 0:0',
      '  x/f file 644 0:0 "compressed" @2020-01-01T00:00:00',
    ],
  },
  'add-archive-gzip-copied': { text: 'FROM scratch\nCOPY any /x', files: { any: { base64: gzip } }, buildah: true },
  'add-text-called-tar': { text: 'FROM scratch\nADD named.tar /x/', files, buildah: true },
  'add-archive-chown': {
    text: 'FROM base\nADD --chown=app:staff archive.tar /x/',
    files,
    differs: [
      {
        reason: extracted,
        theirs: '  x/in folder 750 7:8 @2020-01-01T00:00:00',
        ours: '  x/in folder 750 500:77 @2020-01-01T00:00:00',
      },
      {
        reason: extracted,
        theirs: '  x/in/hard file 644 7:8 "ONE" @2020-01-01T00:00:00',
        ours: '  x/in/hard file 644 500:77 "ONE" @2020-01-01T00:00:00',
      },
      {
        reason: extracted,
        theirs: '  x/in/link symlink 777 0:0 -> one @2020-01-01T00:00:00',
        ours: '  x/in/link symlink 777 500:77 -> one @2020-01-01T00:00:00',
      },
      {
        reason: extracted,
        theirs: '  x/in/two file 4750 7:8 "2" @2020-01-01T00:00:00',
        ours: '  x/in/two file 4750 500:77 "2" @2020-01-01T00:00:00',
      },
    ],
  },
  'add-archive-of-stage-paths': { text: 'FROM base\nWORKDIR /w\nADD archive.tar .\nADD archive.tar rel', files },
  'add-archive-over-files': {
    text: 'FROM base\nRUN mkdir -p /x/in && echo old > /x/in/one && echo stays > /x/in/stays && chmod 700 /x\nADD archive.tar /x',
    files,
  },
  'add-archive-folder-attributes': {
    text: 'FROM base\nRUN mkdir -m 700 /etc/sub\nADD a /etc',
    files: {
      a: {
        archive: [
          { name: 'sub', folder: true, mode: 0o711, owner: [1, 2] },
          { name: 'sub/f', text: 'f' },
        ],
      },
    },
    buildah: true,
  },
  'add-archive-without-folders': {
    text: 'FROM scratch\nADD a /x/',
    files: { a: { archive: [{ name: 'deep/er/f', text: 'f', owner: [3, 4] }] } },
  },
  'add-archive-dotted-names': {
    text: 'FROM scratch\nADD a /x',
    files: {
      a: {
        archive: [
          { name: './', folder: true, mode: 0o700 },
          { name: './f', text: 'f' },
          { name: './d/', folder: true },
        ],
      },
    },
  },
  'add-archive-link-then-below': {
    text: 'FROM base\nADD a /x/',
    files: {
      a: {
        archive: [
          { name: 'd', folder: true },
          { name: 'l', link: 'd' },
          { name: 'l/f', text: 'through' },
        ],
      },
    },
  },
  'add-archive-hard-link-owner': {
    text: 'FROM scratch\nADD a /x/',
    files: {
      a: {
        archive: [
          { name: 'f', text: 'f', mode: 0o640, owner: [7, 8] },
          { name: 'g', hardLink: 'f', owner: [9, 10] },
        ],
      },
    },
  },
  'add-archive-chmod': { text: 'FROM scratch\nADD --chmod=700 archive.tar top /x/', files },
  'add-archive-hard-links': {
    text: 'FROM scratch\nADD a /x/',
    files: {
      a: {
        archive: [
          { name: 'z', text: 'same', owner: [7, 8] },
          { name: 'd/one', hardLink: 'z', owner: [7, 8] },
          { name: 'd/two', hardLink: 'd/one', mode: 0o600, owner: [7, 8] },
          { name: 'l', link: 'z' },
          { name: 'm', hardLink: 'l', owner: [3, 4] },
        ],
      },
    },
  },
  'add-archive-duplicates': {
    text: 'FROM scratch\nADD a /',
    files: {
      a: {
        archive: [
          { name: 'f', text: 'first' },
          { name: 'f', text: 'second', mode: 0o600 },
        ],
      },
    },
  },
  'add-archive-file-then-folder': {
    text: 'FROM scratch\nADD a /x/',
    files: {
      a: {
        archive: [
          { name: 'f', text: 'file' },
          { name: 'f', folder: true },
          { name: 'f/g', text: 'g' },
        ],
      },
    },
  },
  'add-archive-xattrs': {
    text: 'FROM scratch\nADD a /x/',
    files: {
      a: {
        archive: [
          { name: 'f', text: 'f', xattrs: { 'security.capability': '\u0001\0\0\u0002\0\u0004\0\0\0\0\0\0\0\0\0\0\0\0\0\0' } },
        ],
      },
    },
  },
  'add-archive-several': {
    text: 'FROM scratch\nADD one.tar two.tar top /all/',
    files: { ...files, 'one.tar': { archive: [{ name: '1', text: '1' }] }, 'two.tar': { archive: [{ name: '2', text: '2' }] } },
  },
  'add-archive-glob': {
    text: 'FROM scratch\nADD *.tar /all/',
    files: { 'one.tar': { archive: [{ name: '1', text: '1' }] }, 'two.tar': { archive: [{ name: '2', text: '2' }] } },
  },
  'add-folder-with-archive': { text: 'FROM scratch\nADD sub /s/', files },
  'add-archive-through-link': {
    text: 'FROM base\nRUN mkdir /real && ln -s /real /l\nADD archive.tar /l/\nADD archive.tar /l',
    files,
  },
  'add-archive-old-mode': {
    text: 'FROM scratch\nADD a /',
    files: {
      a: {
        archive: [
          { name: 'd', folder: true, mode: 0o1777 },
          { name: 's', text: '', mode: 0o6711 },
        ],
      },
    },
  },
  'add-missing': { text: 'FROM scratch\nADD none /x', files, refused: /"\/none": not found/ },
}
