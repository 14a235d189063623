import type { ContextFile } from '../../src/build/test-builds.ts'

/** A Dockerfile that every builder is expected to make the same image of. */
export interface CorpusEntry {
  readonly text: string
  readonly files?: Readonly<Record<string, ContextFile>>
  readonly buildArgs?: Readonly<Record<string, string>>
  readonly target?: string
  /** Why buildah makes something else of it than docker; it is then not asked. */
  readonly notBuildah?: string
}

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

/** By name. `base` is an image with busybox, users and the usual folders. */
export const corpus: Readonly<Record<string, CorpusEntry>> = {
  scratch: { text: 'FROM scratch\nCOPY top /top\n', files: tree },
  metadata: {
    text: `FROM base
LABEL a=1 "b c"="d e" f='g h'
ENV ONE TWO= THREE=world
ENV X=1 Y="$HOME two" Z=a\\ b
EXPOSE 80 53/udp 7000-7002
VOLUME /v1 /v2
USER app:staff
WORKDIR /work
WORKDIR sub/../deeper
STOPSIGNAL SIGUSR1
HEALTHCHECK --interval=5s --timeout=1m --retries=3 CMD true
SHELL ["/bin/sh", "-ec"]
CMD echo hi
ENTRYPOINT ["/bin/echo", "x"]
MAINTAINER me
ONBUILD RUN echo triggered`,
    notBuildah: 'it keeps CMD, and names the maintainer elsewhere',
  },
  'copy-files': {
    text: 'FROM base\nCOPY top /d\nCOPY top /e/\nCOPY top app/main.js /f/\nCOPY ["name with blank", "/g/"]',
    files: tree,
  },
  'copy-folder': {
    text: 'FROM base\nCOPY app /new\nCOPY app/ /new2/\nCOPY app/lib /etc\nCOPY . /all',
    files: { ...tree, '.dockerignore': 'top\n**/*.txt\n!app/lib/b.txt' },
  },
  'copy-globs': {
    text: 'FROM base\nCOPY app/*.js /js/\nCOPY app/lib/?.* /lib2/\nCOPY t[o]p /\nCOPY nothing* /none/\nCOPY app/b* /bins/',
    files: tree,
    notBuildah: 'a pattern has to match something there',
  },
  'copy-links': {
    text: 'FROM base\nRUN mkdir /real && ln -s /real /abs && ln -s real /rel\nCOPY top /abs/\nCOPY top /rel/x\nCOPY linked /viadir\nCOPY app/link /vialink',
    files: tree,
  },
  'copy-owner': {
    text: 'FROM base\nUSER app\nCOPY top /mine\nCOPY --chown=app top /app1\nCOPY --chown=app:staff app /app2\nCOPY --chown=12 top /made/on/the/way/\nCOPY --chown=12:34 top /n',
    files: tree,
    notBuildah: 'it gives folders on the way to root',
  },
  'copy-mode': { text: 'FROM base\nCOPY --chmod=711 top /x\nCOPY --chmod=640 app/bin/run app/main.js /y/', files: tree },
  'copy-overwrite': {
    text: 'FROM base\nRUN mkdir -p /o/lib && chmod 711 /o /o/lib && echo old > /o/main.js\nCOPY app /o',
    files: tree,
  },
  'copy-escapes': { text: 'FROM base\nCOPY ../top /a\nCOPY /top /b\nCOPY app/../top /c/../d', files: tree },
  'copy-stages': {
    text: 'FROM base AS One\nRUN mkdir /out && echo o > /out/f && chown -R 5:6 /out && chmod 600 /out/f\nFROM base\nCOPY --from=one /out /out\nCOPY --from=0 /out/f /single\nCOPY --from=one --chown=app /out/f /mine',
    notBuildah: 'names of stages are not the same in any case there',
  },
  'copy-variables': {
    text: 'FROM base\nARG d=/dst\nENV n=top\nCOPY ${n} ${d}/${n:-x}.${nothing:+y}z\nWORKDIR $d\nCOPY $n .',
    files: tree,
  },
  'add-archive': {
    text: 'FROM base\nADD archive.tgz /x/\nADD archive.tgz /etc\nADD plain.gz /y/\nCOPY archive.tgz /z/',
    files: { ...tree },
  },
  workdir: {
    text: 'FROM base\nWORKDIR /a/b\nWORKDIR c\nRUN pwd > where\nWORKDIR /etc\nUSER app\nWORKDIR /home/app/new\nRUN touch mine',
    notBuildah: "it makes folders root's",
  },
  'run-env': {
    text: `FROM base
ARG one=1
ARG two
ENV three=3 one=env
ARG four=$three
RUN echo $one $two $three $four > /values
ENV five=$two
RUN ["/bin/sh", "-c", "echo $five >> /values"]`,
    buildArgs: { two: 'given', one: 'ignored' },
  },
  'arg-after-env': { text: 'FROM base\nENV x=env\nARG x=arg\nRUN echo $x > /x', notBuildah: 'ENV wins there' },
  'run-changes': {
    text: `FROM base
RUN mkdir -p /d/e && echo 1 > /d/e/f && ln -s f /d/e/l && ln /d/e/f /d/e/h && mkfifo /d/p
RUN rm -r /d/e && mkdir /d/e && echo 2 > /d/e/n
RUN chmod 700 /tmp && chown 5:6 /etc/group && rm /etc/motd
RUN true`,
  },
  'run-user': {
    text: 'FROM base\nUSER app\nRUN id -u > /tmp/id && id -g >> /tmp/id && echo $HOME >> /tmp/id\nUSER 12:34\nRUN id -u > /tmp/id2 && id -g >> /tmp/id2',
  },
  continuation: { text: '# escape=`\nFROM base\nRUN echo a `\n  # comment\n  b > /out `\n  && echo c >> /out\nENV x="`$y"' },
  'shell-quoting': { text: 'FROM base\nENV a="x y"\nRUN echo "$a" \'$a\' \\$a ${a#x} "${none:-d}" > /out' },
  'global-arg': { text: 'ARG tag=latest\nARG name=base:${tag}\nFROM ${name}\nARG tag\nRUN echo "tag=$tag name=$name" > /out' },
  'entry-points': {
    text: 'FROM base AS a\nENTRYPOINT ["one"]\nCMD ["two"]\nFROM a\nENTRYPOINT ["three"]',
    notBuildah: 'it keeps CMD',
  },
  'onbuild-stage': {
    text: 'FROM base AS parent\nONBUILD RUN echo trigger > /trigger\nFROM parent\nRUN cat /trigger > /copy',
    notBuildah: 'it does not run triggers of stages',
  },
  target: { text: 'FROM base AS first\nRUN echo first > /out\nFROM base AS second\nRUN exit 1', target: 'first' },
  unused: { text: 'FROM base AS broken\nRUN exit 1\nFROM base\nRUN echo fine > /out', notBuildah: 'it builds all stages' },
  volume: {
    text: 'FROM base\nVOLUME /v\nRUN echo kept > /v/f || (mkdir /v && echo kept > /v/f)',
    notBuildah: 'it discards what is in a volume',
  },
  'reset-commands': { text: 'FROM base\nCMD []\nENTRYPOINT []', notBuildah: 'it resets to null' },
  'heads-and-tails': { text: 'from base\nrun echo lower > /lower\n\n\tEnv a=b\nLaBeL c=d' },
}
