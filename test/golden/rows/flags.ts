import { onBase, type CorpusRow, type CorpusRows } from '../row.ts'

const tree = {
  'a/b/one.txt': '1',
  'a/b/two.md': '2',
  'a/c/three.txt': '3',
  'a/top.txt': 't',
  'hom1.txt': 'h1',
  'hom2.md': 'h2',
  'x/y/z/deep.js': 'd',
  'x/q.js': 'q',
} as const
const time = '@2021-06-01T00:00:00'

/** One COPY or ADD on nothing, and the lines of its layer: the context's times where they are copied, none where folders are made. */
const one = (instruction: string, history: string, layer: readonly string[], files: CorpusRow['files'] = tree): CorpusRow => ({
  text: `FROM scratch\n${instruction}`,
  files,
  written: [
    'linux/amd64',
    'config.Env ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]',
    'config.WorkingDir "/"',
    `history + ${history} # buildkit`,
    'layer',
    ...layer.map((line) => `  ${line}`),
  ],
})
const file = (path: string, text: string): string => `${path} file 644 0:0 ${JSON.stringify(text)} ${time}`
const copiedFolder = (path: string): string => `${path} folder 755 0:0 ${time}`
const made = (path: string): string => `${path} folder 755 0:0`

/** --exclude, --parents and --link, which no peer of Debian's knows (97). */
export const flags: CorpusRows = {
  'exclude-one': one('COPY --exclude=*.txt a /d', 'COPY a /d', [
    made('d'),
    copiedFolder('d/b'),
    file('d/b/one.txt', '1'),
    file('d/b/two.md', '2'),
    copiedFolder('d/c'),
    file('d/c/three.txt', '3'),
  ]),
  'exclude-deep': one('COPY --exclude=**/*.txt a /d', 'COPY a /d', [
    made('d'),
    copiedFolder('d/b'),
    file('d/b/two.md', '2'),
    copiedFolder('d/c'),
  ]),
  'exclude-folder': one('COPY --exclude=b --exclude=c/** a /d', 'COPY a /d', [
    made('d'),
    copiedFolder('d/c'),
    file('d/top.txt', 't'),
  ]),
  'exclude-exception': one('COPY --exclude=* --exclude=!b a /d', 'COPY a /d', [
    made('d'),
    copiedFolder('d/b'),
    file('d/b/one.txt', '1'),
    file('d/b/two.md', '2'),
  ]),
  'exclude-everything': one('COPY --exclude=* a /d', 'COPY a /d', [made('d')]),
  // the reference says otherwise of this example, but BuildKit matches below a source only: moby/buildkit#5489
  'exclude-of-pattern': one('COPY --exclude=*.txt hom* /d/', 'COPY hom* /d/', [
    made('d'),
    file('d/hom1.txt', 'h1'),
    file('d/hom2.md', 'h2'),
  ]),
  'exclude-in-context': one('COPY --exclude=a/b --exclude=x --exclude=Dockerfile . /d', 'COPY . /d', [
    made('d'),
    copiedFolder('d/a'),
    copiedFolder('d/a/c'),
    file('d/a/c/three.txt', '3'),
    file('d/a/top.txt', 't'),
    file('d/hom1.txt', 'h1'),
    file('d/hom2.md', 'h2'),
  ]),
  'exclude-with-add': one('ADD --exclude=b a /d/', 'ADD a /d/', [
    made('d'),
    copiedFolder('d/c'),
    file('d/c/three.txt', '3'),
    file('d/top.txt', 't'),
  ]),
  'parents-file': one('COPY --parents a/b/one.txt /d/', 'COPY --parents a/b/one.txt /d/', [
    made('d'),
    copiedFolder('d/a'),
    copiedFolder('d/a/b'),
    file('d/a/b/one.txt', '1'),
  ]),
  'parents-folder': one('COPY --parents x/y /d/', 'COPY --parents x/y /d/', [
    made('d'),
    copiedFolder('d/x'),
    copiedFolder('d/x/y'),
    copiedFolder('d/x/y/z'),
    file('d/x/y/z/deep.js', 'd'),
  ]),
  'parents-pivot': one('COPY --parents x/./y/z /d/', 'COPY --parents x/./y/z /d/', [
    made('d'),
    copiedFolder('d/y'),
    copiedFolder('d/y/z'),
    file('d/y/z/deep.js', 'd'),
  ]),
  'parents-star': one('COPY --parents a/*/*.txt /d/', 'COPY --parents a/*/*.txt /d/', [
    made('d'),
    copiedFolder('d/a'),
    copiedFolder('d/a/b'),
    file('d/a/b/one.txt', '1'),
    copiedFolder('d/a/c'),
    file('d/a/c/three.txt', '3'),
  ]),
  'parents-double-star': one('COPY --parents **/*.js /d/', 'COPY --parents **/*.js /d/', [
    made('d'),
    copiedFolder('d/x'),
    file('d/x/q.js', 'q'),
    copiedFolder('d/x/y'),
    copiedFolder('d/x/y/z'),
    file('d/x/y/z/deep.js', 'd'),
  ]),
  'parents-several': one('COPY --parents a/b/one.txt x/./q.js /d/', 'COPY --parents a/b/one.txt x/./q.js /d/', [
    made('d'),
    copiedFolder('d/a'),
    copiedFolder('d/a/b'),
    file('d/a/b/one.txt', '1'),
    file('d/q.js', 'q'),
  ]),
  'parents-exclude': one('COPY --parents --exclude=**/two.md a/b /d/', 'COPY --parents a/b /d/', [
    made('d'),
    copiedFolder('d/a'),
    copiedFolder('d/a/b'),
    file('d/a/b/one.txt', '1'),
  ]),
  'parents-modes': one(
    'COPY --parents p/q/f /d/',
    'COPY --parents p/q/f /d/',
    [made('d'), `d/p folder 700 0:0 ${time}`, `d/p/q folder 711 0:0 ${time}`, file('d/p/q/f', 'f')],
    { p: { folder: 0o700 }, 'p/q': { folder: 0o711 }, 'p/q/f': 'f' },
  ),
  'parents-matches-nothing': one('COPY --parents a/none*/x /d/', 'COPY --parents a/none*/x /d/', [made('d')]),
  'parents-missing': {
    text: 'FROM scratch\nCOPY --parents a/none /d/',
    files: tree,
    refused: /"\/a\/none": not found/,
    written: [],
  },
  'link-file': one('COPY --link hom1.txt /d/e/f', 'COPY hom1.txt /d/e/f', [made('d'), made('d/e'), file('d/e/f', 'h1')]),
  'link-folder': one('COPY --link a/b /d', 'COPY a/b /d', [made('d'), file('d/one.txt', '1'), file('d/two.md', '2')]),
  'link-resets-folders': {
    text: 'FROM base\nRUN mkdir /d && chmod 700 /d && chown 5:6 /d\nCOPY --link hom1.txt /d/f',
    files: tree,
    written: onBase([
      'history + RUN /bin/sh -c mkdir /d && chmod 700 /d && chown 5:6 /d # buildkit',
      'history + COPY hom1.txt /d/f # buildkit',
      'layer',
      '  d folder 700 5:6',
      'layer',
      '  d folder 755 0:0',
      `  ${file('d/f', 'h1')}`,
    ]),
  },
  'link-follows-nothing': {
    text: 'FROM base\nRUN ln -s etc /l\nCOPY --link hom1.txt /l/f',
    files: tree,
    written: onBase([
      'history + RUN /bin/sh -c ln -s etc /l # buildkit',
      'history + COPY hom1.txt /l/f # buildkit',
      'layer',
      '  l symlink 777 0:0 -> etc',
      'layer',
      '  l folder 755 0:0',
      `  ${file('l/f', 'h1')}`,
    ]),
  },
  'link-chown': one('COPY --link --chown=12:34 hom1.txt /d/f', 'COPY --chown=12:34 hom1.txt /d/f', [
    'd folder 755 12:34',
    `d/f file 644 12:34 "h1" ${time}`,
  ]),
  'link-and-chmod': {
    text: 'FROM base\nRUN ln -s etc /l\nCOPY --link --chmod=600 hom1.txt /l/f',
    files: tree,
    written: onBase([
      'history + RUN /bin/sh -c ln -s etc /l # buildkit',
      'history + COPY --chmod=600 hom1.txt /l/f # buildkit',
      'layer',
      '  l symlink 777 0:0 -> etc',
      'layer',
      '  etc folder 755 0:0',
      `  etc/f file 600 0:0 "h1" ${time}`,
    ]),
  },
  'link-from-stage': {
    text: 'FROM base AS s\nRUN mkdir /o && echo x > /o/f && chown 7:8 /o/f && chmod 604 /o/f\nFROM base\nCOPY --link --from=s /o /p',
    written: onBase(['history + COPY /o /p # buildkit', 'layer', '  p folder 755 0:0', '  p/f file 604 7:8 "x\\n"']),
  },
  'chmod-symbolic': one('COPY --chmod=u=rwX,go=rX a /d', 'COPY --chmod=u=rwX,go=rX a /d', [
    made('d'),
    copiedFolder('d/b'),
    file('d/b/one.txt', '1'),
    file('d/b/two.md', '2'),
    copiedFolder('d/c'),
    file('d/c/three.txt', '3'),
    file('d/top.txt', 't'),
  ]),
  'chmod-symbolic-adds': one('COPY --chmod=g+w,o-r,u+x hom1.txt /f', 'COPY --chmod=g+w,o-r,u+x hom1.txt /f', [
    `f file 760 0:0 "h1" ${time}`,
  ]),
  'chmod-too-high': {
    text: 'FROM scratch\nCOPY --chmod=10000 hom1.txt /f',
    files: tree,
    refused: /invalid chmod parameter/,
    written: [],
  },
  'add-unpack-false': one(
    'ADD --unpack=false a.tar /d/',
    'ADD a.tar /d/',
    [
      made('d'),
      `d/a.tar file 644 0:0 2048 bytes sha256:9fab21156507544ade7f73d9007f9accb25adec13030c2683ea75fc73ae12265 ${time}`,
    ],
    {
      'a.tar': { archive: [{ name: 'f', text: 'f' }] },
    },
  ),
  'add-checksum-of-file': {
    text: 'FROM scratch\nADD --checksum=sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 hom1.txt /f',
    files: tree,
    refused: /checksum requires HTTP\(S\) or Git sources/,
    written: [],
  },
  'copy-of-url': { text: 'FROM scratch\nCOPY http://127.0.0.1:1/f /f', refused: /source can't be a URL for COPY/, written: [] },
  'copy-of-git': {
    text: 'FROM scratch\nCOPY https://127.0.0.1:1/r.git /f',
    refused: /source can't be a git ref for COPY/,
    written: [],
  },
}
