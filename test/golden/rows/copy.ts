import type { CorpusRows } from '../row.ts'

const tree = {
  'app/main.js': 'main',
  'app/lib/a.js': 'a',
  'app/lib/b.txt': { text: 'b', mode: 0o600 },
  'app/bin/run': { text: '#!/bin/sh\necho run\n', mode: 0o755 },
  'app/link': { link: 'lib/a.js' },
  'app/dangling': { link: 'nowhere' },
  top: 'top',
  'name with blank': 'blank',
  linked: { link: 'app' },
} as const

const pipes = 'BuildKit copies named pipes by now; docker 20.10 leaves them out without a word'

/** COPY: sources, patterns, destinations, links, owners, modes (93 to 98). */
export const copy: CorpusRows = {
  'copy-file-to-name': { text: 'FROM scratch\nCOPY top /d', files: tree, buildah: true },
  'copy-file-to-folder': { text: 'FROM scratch\nCOPY top /d/', files: tree },
  'copy-file-to-existing-folder': { text: 'FROM base\nCOPY top /etc', files: tree, buildah: true },
  'copy-file-over-file': {
    text: 'FROM base\nRUN chmod 600 /etc/motd && chown 5 /etc/motd\nCOPY top /etc/motd',
    files: tree,
  },
  'copy-files': {
    text: 'FROM base\nCOPY top /d\nCOPY top /e/\nCOPY top app/main.js /f/\nCOPY ["name with blank", "/g/"]',
    files: tree,
    buildah: true,
  },
  'copy-quoted-words': { text: 'FROM scratch\nCOPY "top" /a\nCOPY \'top\' /b', files: tree },
  'copy-escaped-blank': {
    text: 'FROM scratch\nCOPY name\\ with\\ blank /c',
    refused: /"\/(?:name|with)": not found/,
    files: tree,
  },
  'copy-to-dot': { text: 'FROM base\nWORKDIR /w\nCOPY top .\nCOPY top ./x\nCOPY app/main.js ./sub/', files: tree },
  'copy-to-relative': {
    text: 'FROM base\nWORKDIR /w\nCOPY top rel\nCOPY top deep/er/\nWORKDIR /\nCOPY top rel',
    files: tree,
    buildah: true,
  },
  'copy-to-relative-without-workdir': { text: 'FROM scratch\nCOPY top x\nCOPY top y/', files: tree },
  'copy-to-root': { text: 'FROM scratch\nCOPY top /\nCOPY app/lib /', files: tree, buildah: true },
  'copy-folder-contents': { text: 'FROM scratch\nCOPY app /new', files: tree },
  'copy-folder-slashes': {
    text: 'FROM scratch\nCOPY app/ /one\nCOPY app /two/\nCOPY app/. /three\nCOPY ./app/ /four/',
    files: tree,
  },
  'copy-folder-into-existing': { text: 'FROM base\nCOPY app/lib /etc', files: tree, buildah: true },
  'copy-folder-modes': {
    text: 'FROM scratch\nCOPY app /a\nCOPY app/inner /b',
    files: { 'app/inner': { folder: 0o700 }, 'app/inner/f': 'f', 'app/sticky': { folder: 0o1777 } },
  },
  'copy-empty-folder': {
    text: 'FROM scratch\nCOPY empty /a\nCOPY outer /b',
    files: { empty: { folder: 0o755 }, 'outer/in': { folder: 0o711 } },
  },
  'copy-context': { text: 'FROM scratch\nCOPY . /all', files: tree },
  'copy-context-root': { text: 'FROM scratch\nCOPY . .\n', files: { a: '1', 'b/c': '2' }, buildah: true },
  'copy-overwrite': {
    text: 'FROM base\nRUN mkdir -p /o/lib && chmod 711 /o /o/lib && echo old > /o/main.js\nCOPY app /o',
    files: tree,
  },
  'copy-twice': { text: 'FROM scratch\nCOPY top /x\nCOPY app/main.js /x\nCOPY top /x', files: tree, buildah: true },
  'copy-several-files': { text: 'FROM scratch\nCOPY top app/main.js app/lib /several/', files: tree },
  'copy-several-same-name': { text: 'FROM scratch\nCOPY a/f b/f /d/', files: { 'a/f': 'a', 'b/f': 'b' }, buildah: true },
  'copy-escapes-context': {
    text: 'FROM base\nCOPY ../top /a\nCOPY /top /b\nCOPY app/../top /c/../d\nCOPY ../../app/main.js /e',
    files: tree,
  },
  'copy-glob-star': { text: 'FROM scratch\nCOPY app/*.js /js/\nCOPY a* /app/', files: tree },
  'copy-glob-question': { text: 'FROM scratch\nCOPY app/lib/?.* /lib/\nCOPY ??? /three/', files: tree },
  'copy-glob-class': {
    text: 'FROM scratch\nCOPY t[o]p /1\nCOPY f[a-c] /2/\nCOPY f[^a-c] /3/',
    files: { ...tree, fa: 'a', fb: 'b', fd: 'd' },
  },
  'copy-glob-folders': { text: 'FROM scratch\nCOPY pkg-* /p/', files: { 'pkg-a/x': 'x', 'pkg-b/y': 'y', 'pkg-c': 'file' } },
  'copy-glob-in-the-middle': {
    text: 'FROM scratch\nCOPY */package.json /p/\nCOPY w/*/f.txt /q/',
    files: { 'a/package.json': '{}', 'w/x/f.txt': 'x', 'w/y/g.txt': 'y' },
  },
  'copy-glob-nothing': { text: 'FROM base\nCOPY nothing* /none/\nCOPY top no*ne /some/', files: tree },
  'copy-glob-not-hidden': { text: 'FROM scratch\nCOPY * /all/', files: { '.hidden': 'h', shown: 's' } },
  'copy-glob-escaped': {
    text: 'FROM scratch\nCOPY arr[[]0].txt /a\nCOPY star\\** /b/',
    files: { 'arr[0].txt': 'arr', 'star*x': 'star' },
  },
  'copy-glob-double-star': {
    text: 'FROM scratch\nCOPY app/**/*.js /js/',
    files: tree,
    // docker 20.10 takes a file for a folder and fails; `**` is `*` here (filepath.Match)
    written: [
      'linux/amd64',
      'config.Env ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]',
      'config.WorkingDir "/"',
      'history + COPY app/**/*.js /js/ # buildkit',
      'layer',
      '  js folder 755 0:0',
      '  js/a.js file 644 0:0 "a" @2021-06-01T00:00:00',
    ],
  },
  'copy-names-odd': {
    text: 'FROM scratch\nCOPY odd /odd',
    files: { 'odd/a b': '1', 'odd/ü': '2', 'odd/-x': '3', 'odd/#y': '4', 'odd/$z': '5', 'odd/back\\slash': '6' },
  },
  'copy-through-linked-source': {
    text: 'FROM scratch\nCOPY linked /viadir\nCOPY app/link /vialink\nCOPY linked/main.js /m',
    files: tree,
  },
  'copy-keeps-links-inside': {
    text: 'FROM scratch\nCOPY t /t',
    files: {
      't/a': 'a',
      't/rel': { link: 'a' },
      't/abs': { link: '/etc/passwd' },
      't/up': { link: '../../x' },
      't/d/x': 'x',
      't/dl': { link: 'd' },
    },
  },
  'copy-through-linked-destination': {
    text: 'FROM base\nRUN mkdir /real && ln -s /real /abs && ln -s real /rel && ln -s /made/later /dangling\nCOPY top /abs/\nCOPY top /rel/x\nCOPY app/lib /abs\nCOPY top /abs/sub/',
    files: tree,
  },
  'copy-over-linked-file': { text: 'FROM base\nRUN echo t > /target && ln -s target /l\nCOPY top /l', files: tree },
  'copy-link-over-file': { text: 'FROM base\nRUN mkdir /d && echo f > /d/link\nCOPY app /d', files: tree },
  'copy-destination-link-escapes': { text: 'FROM base\nRUN ln -s ../../../../etc /up\nCOPY top /up/', files: tree },
  'copy-keeps-hard-links': {
    text: 'FROM scratch\nCOPY h /h',
    files: { 'h/a': 'same', 'h/b': { sameAs: 'h/a' }, 'h/c/d': { sameAs: 'h/a' } },
  },
  'copy-modes-of-context': {
    text: 'FROM scratch\nCOPY m /m',
    files: {
      'm/a': { text: '', mode: 0o777 },
      'm/b': { text: '', mode: 0o400 },
      'm/c': { text: '', mode: 0o4755 },
      'm/d': { text: '', mode: 0o2644 },
    },
  },
  'copy-owner-is-root': { text: 'FROM base\nUSER app\nWORKDIR /home/app\nCOPY top mine\nCOPY top new/mine', files: tree },
  'copy-chown': {
    text: 'FROM base\nCOPY --chown=app top /app1\nCOPY --chown=app:staff app /app2\nCOPY --chown=12 top /n1\nCOPY --chown=12:34 top /n2\nCOPY --chown=:staff top /g\nCOPY --chown=app:7 top /m\nCOPY --chown=0:staff top /z',
    files: tree,
  },
  'copy-chown-makes-folders': { text: 'FROM base\nCOPY --chown=12:34 top /made/on/the/way/', files: tree },
  'copy-chown-existing-folder': { text: 'FROM base\nCOPY --chown=app app/lib /etc', files: tree, buildah: true },
  'copy-chown-variable': { text: 'FROM base\nARG who=app\nENV group=staff\nCOPY --chown=${who}:$group top /f', files: tree },
  'copy-chown-own-user': {
    text: 'FROM base\nRUN echo "new:x:600:601::/n:/bin/sh" >> /etc/passwd && echo "newest:x:700:" >> /etc/group\nCOPY --chown=new:newest top /f\nCOPY --chown=new top /g',
    files: tree,
  },
  'copy-chmod': {
    text: 'FROM base\nCOPY --chmod=711 top /x\nCOPY --chmod=0640 app/bin/run app/main.js /y/\nCOPY --chmod=4755 top /z',
    files: tree,
    differs: [
      {
        reason: 'BuildKit sets these bits by now; docker 20.10 drops them',
        theirs: '  z file 755 0:0 "top" @2021-06-01T00:00:00',
        ours: '  z file 4755 0:0 "top" @2021-06-01T00:00:00',
      },
    ],
  },
  'copy-chmod-folder': { text: 'FROM scratch\nCOPY --chmod=750 app /a', files: tree },
  'copy-chmod-chown': { text: 'FROM base\nCOPY --chown=app --chmod=600 top /f', files: tree },
  'copy-from-stage': {
    text: 'FROM base AS One\nRUN mkdir /out && echo o > /out/f && chown -R 5:6 /out && chmod 600 /out/f\nFROM base\nCOPY --from=one /out /out\nCOPY --from=0 /out/f /single\nCOPY --from=one --chown=app /out/f /mine',
  },
  'copy-from-stage-glob': {
    text: 'FROM base AS a\nRUN mkdir /o && touch /o/1.x /o/2.x /o/3.y\nFROM scratch\nCOPY --from=a /o/*.x /x/\nCOPY --from=a o/3.y .',
    buildah: true,
  },
  'copy-from-stage-link': {
    text: 'FROM base AS a\nRUN mkdir -p /v/1 && echo one > /v/1/f && ln -s v/1 /current && ln -s /v/1/f /file\nFROM scratch\nCOPY --from=a /current /c\nCOPY --from=a /file /f\nCOPY --from=a /v /v',
  },
  'copy-from-stage-special': {
    text: 'FROM base AS a\nRUN mkdir /s && mkfifo /s/p && ln -s x /s/l && touch /s/f && ln /s/f /s/h && chmod 1770 /s\nFROM scratch\nCOPY --from=a /s /s',
    differs: [{ reason: pipes, ours: '  s/p fifo 644 0:0' }],
  },
  'copy-from-stage-owner': {
    text: 'FROM base AS a\nRUN mkdir -p /s/t && touch /s/t/f && chown -R 7:8 /s && chmod 2750 /s/t\nFROM scratch\nCOPY --from=a /s /d\nCOPY --from=a /s/t /e/',
  },
  'copy-from-home': { text: 'FROM scratch\nCOPY --from=base /home /home', buildah: true },
  'copy-variables': {
    text: 'FROM base\nARG d=/dst\nENV n=top\nCOPY ${n} ${d}/${n:-x}.${nothing:+y}z\nWORKDIR $d\nCOPY $n .',
    files: tree,
  },
  'copy-json-form': {
    text: 'FROM base\nENV n=top\nCOPY ["$n", "name with blank", "/d d/"]\nCOPY [ "top" , "/e" ]',
    files: tree,
    buildah: true,
  },
  'copy-deep-destination': { text: 'FROM scratch\nCOPY top /a/b/c/d/e/f\nCOPY top /a/b/x/', files: tree },
  'copy-replaces-folder-in-lower': {
    text: 'FROM base\nRUN mkdir -p /d/lib/deep && echo x > /d/lib/deep/x\nRUN rm -r /d/lib\nCOPY app /d',
    files: tree,
    buildah: true,
  },
  'copy-empty-file': { text: 'FROM scratch\nCOPY e /e', files: { e: '' } },
  'copy-large-file': { text: 'FROM scratch\nCOPY big /big', files: { big: 'x'.repeat(300_000) }, buildah: true },
  'copy-fifo-in-context': {
    text: 'FROM scratch\nCOPY d /d',
    files: { 'd/p': { fifo: true }, 'd/f': 'f' },
    differs: [{ reason: pipes, ours: '  d/p fifo 644 0:0 @2021-06-01T00:00:00' }],
  },
  'copy-missing': { text: 'FROM scratch\nCOPY none /x', refused: /"\/none": not found/, files: tree },
  'copy-missing-of-two': { text: 'FROM scratch\nCOPY top none /x/', refused: /"\/none": not found/, files: tree },
  'copy-missing-from-stage': { text: 'FROM base AS a\nFROM scratch\nCOPY --from=a /none /x', refused: /"\/none": not found/ },
  'copy-folder-over-file': {
    text: 'FROM base\nCOPY app /etc/motd',
    refused: /cannot copy to non-directory|not a (?:folder|directory)/,
    files: tree,
  },
  'copy-file-over-folder': {
    text: 'FROM base\nRUN mkdir -p /d/main.js\nCOPY app /d',
    refused: /cannot replace to directory|with file/,
    files: tree,
  },
  'copy-below-file': { text: 'FROM base\nCOPY top /etc/motd/x', refused: /not a (?:folder|directory)/, files: tree },
  'copy-without-destination': { text: 'FROM base\nCOPY top', refused: /COPY requires at least two arguments/, files: tree },
  'copy-unknown-flag': { text: 'FROM base\nCOPY --nope=1 top /x', refused: /unknown flag: (?:--)?nope/i, files: tree },
  'copy-unknown-stage-number': { text: 'FROM base\nCOPY --from=7 /x /x', refused: /invalid stage index 7|7/ },
  'copy-from-itself': { text: 'FROM base AS me\nCOPY --from=me /etc/motd /x', refused: /circular dependency|me/ },
  'copy-from-variable': {
    text: 'FROM base AS a\nFROM base\nARG s=a\nCOPY --from=$s /etc/motd /x',
    refused: /variable expansion is not supported|\$s|invalid/,
  },
  'copy-bad-chmod': { text: 'FROM base\nCOPY --chmod=9z top /x', refused: /chmod|9z/, files: tree, written: [] },
}
