import { onBase, type CorpusRows } from '../row.ts'

/** The instructions that only change the config (111 to 120). */
export const config: CorpusRows = {
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
  },
  'cmd-forms': { text: 'FROM base\nCMD echo one\nCMD ["echo", "two"]', buildah: true },
  'cmd-shell-form': { text: 'FROM base\nCMD echo "$HOME" && exec x' },
  'cmd-json-with-escapes': { text: 'FROM base\nCMD ["a\\tb", "c\\"d", "\\u00e9", "\\\\"]' },
  'cmd-json-blanks': { text: 'FROM base\nCMD   [  "a" ,  "b c"  ]  ' },
  'cmd-json-invalid': { text: 'FROM base\nCMD ["a", "b"\nENTRYPOINT [a]' },
  'cmd-empty-list': { text: 'FROM base\nCMD []\nENTRYPOINT []' },
  'cmd-last-wins': { text: 'FROM base\nCMD a\nCMD b\nENTRYPOINT c\nENTRYPOINT ["d"]' },
  'entrypoint-resets-inherited-cmd': { text: 'FROM base AS a\nENTRYPOINT ["one"]\nCMD ["two"]\nFROM a\nENTRYPOINT ["three"]' },
  'entrypoint-keeps-own-cmd': { text: 'FROM base\nCMD ["mine"]\nENTRYPOINT ["one"]' },
  'entrypoint-resets-cmd-of-image': { text: 'FROM base\nENTRYPOINT ["one"]' },
  'entrypoint-shell-form': { text: 'FROM base\nENTRYPOINT exec top -b\nCMD ["ignored"]' },
  'entrypoint-of-configured': { text: 'FROM configured\nENTRYPOINT ["new"]' },
  'cmd-of-configured': { text: 'FROM configured\nCMD only $this' },
  'shell-for-commands': {
    text: 'FROM base\nSHELL ["/bin/bash", "-o", "pipefail", "-c"]\nCMD a\nENTRYPOINT b\nHEALTHCHECK CMD c',
  },
  'shell-later': { text: 'FROM base\nCMD a\nSHELL ["/x"]\nENTRYPOINT b' },
  'shell-of-stage': { text: 'FROM base AS a\nSHELL ["/bin/sh", "-x", "-c"]\nFROM a\nCMD b' },
  'expose-forms': {
    text: 'FROM base\nEXPOSE 80\nEXPOSE 80/tcp 81/UDP\nEXPOSE 90-92/udp 100-101\nEXPOSE 1234/sctp',
  },
  'expose-variables': { text: 'FROM base\nARG p=8080\nENV q="1 2"\nEXPOSE $p ${p}/udp' },
  'label-forms': {
    text: 'FROM base\nLABEL one=1\nLABEL two="2 2" three=\'3 3\' four=4\\ 4\nLABEL "five five"="5"\nLABEL six="a\\\nb"\nLABEL one=again\nLABEL legacy with blanks',
  },
  'label-empty': { text: 'FROM base\nLABEL a= b=""', buildah: true },
  'label-dotted-names': { text: 'FROM base\nLABEL org.opencontainers.image.title="T" com.example/x-y_z=1' },
  'label-by-flag': { text: 'FROM base\nLABEL a=file b=file', labels: { b: 'flag', c: 'flag' } },
  'volume-forms': { text: 'FROM base\nVOLUME /a /b\nVOLUME ["/c d", "/e"]\nVOLUME /a\nENV v=/f\nVOLUME $v/g rel' },
  'volume-contents-kept': {
    text: 'FROM base\nRUN mkdir /d && echo 1 > /d/before\nVOLUME /d\nRUN echo 2 > /d/after\nCOPY x /d/copied',
    files: { x: 'x' },
  },
  'user-forms': { text: 'FROM base\nUSER app\nUSER 1000:1000\nUSER "quoted"\nUSER app:staff', buildah: true },
  'user-root-again': { text: 'FROM configured\nUSER root' },
  workdir: {
    text: 'FROM base\nWORKDIR /a/b\nWORKDIR c\nRUN pwd > where\nWORKDIR /etc\nUSER app\nWORKDIR /home/app/new\nRUN touch mine',
  },
  'workdir-normalized': {
    text: 'FROM base\nWORKDIR /a/../b//c/./d/\nWORKDIR ..\nWORKDIR x/',
    differs: [
      {
        reason: 'BuildKit cleans the path by now; docker 20.10 keeps it as it is written',
        theirs: 'history + WORKDIR /a/../b//c/./d/',
        ours: 'history + WORKDIR /b/c/d',
      },
    ],
  },
  'workdir-existing': { text: 'FROM base\nWORKDIR /etc\nWORKDIR /home/app' },
  'workdir-root': { text: 'FROM base\nWORKDIR /', buildah: true },
  'workdir-of-user': { text: 'FROM base\nUSER app\nWORKDIR /new/deep\nUSER 12:34\nWORKDIR /other' },
  'workdir-of-unknown-user': { text: 'FROM base\nUSER ghost\nWORKDIR /new' },
  'workdir-through-link': { text: 'FROM base\nRUN mkdir /real && ln -s real /link\nWORKDIR /link/new\nRUN pwd > where' },
  'workdir-quoted': { text: 'FROM base\nWORKDIR "/with blank"\nRUN pwd > where' },
  'workdir-blank': { text: 'FROM base\nWORKDIR /with blank\nWORKDIR and\\ more' },
  'workdir-scratch': { text: 'FROM scratch\nWORKDIR /only\nCOPY x .', files: { x: 'x' } },
  'workdir-relative-first': { text: 'FROM scratch\nWORKDIR rel/ative\nCOPY x .', files: { x: 'x' } },
  'stopsignal-forms': { text: 'FROM base\nSTOPSIGNAL 9\nSTOPSIGNAL SIGTERM\nARG s=SIGINT\nSTOPSIGNAL $s' },
  'healthcheck-defaults': { text: 'FROM base\nHEALTHCHECK CMD true' },
  'healthcheck-all-flags': {
    text: 'FROM base\nHEALTHCHECK --interval=1m30s --timeout=500ms --start-period=2h --retries=9 CMD ["a", "b"]',
  },
  'healthcheck-none': { text: 'FROM configured\nHEALTHCHECK NONE' },
  'healthcheck-last-wins': { text: 'FROM base\nHEALTHCHECK CMD a\nHEALTHCHECK --retries=2 CMD b' },
  'healthcheck-start-interval': {
    text: 'FROM base\nHEALTHCHECK --start-interval=2s CMD true',
    written: onBase(['config.Healthcheck {"StartInterval":2000000000,"Test":["CMD-SHELL","true"]}', 'history - HEALTHCHECK …']),
  },
  'maintainer-name': { text: 'FROM base\nMAINTAINER Some One <some@one.test>\nMAINTAINER Other' },
  'onbuild-kept-in-image': {
    text: 'FROM base\nONBUILD RUN echo a\nONBUILD COPY . /x\nONBUILD ENV a=$b c="d"\nONBUILD   WORKDIR   /w',
  },
  'onbuild-stage': { text: 'FROM base AS parent\nONBUILD RUN echo trigger > /trigger\nFROM parent\nRUN cat /trigger > /copy' },
  'onbuild-not-for-grandchildren': { text: 'FROM base AS a\nONBUILD ENV t=1\nFROM a AS b\nENV u=2\nFROM b\nENV v=$t$u' },
  'onbuild-order': { text: 'FROM base AS a\nONBUILD ENV x=1\nONBUILD ENV y=$x\nFROM a\nENV x=2\nENV z=$x$y' },
  'onbuild-image': { text: 'FROM triggering\nRUN cat /trigger > /copy; echo $TRIGGERED >> /copy', files: { top: 'top' } },
  'onbuild-image-argument': { text: 'FROM triggering', files: { top: 'top' }, buildArgs: { given: 'by flag' } },
  'onbuild-copy-from': {
    text: 'FROM base AS src\nRUN echo s > /s\nFROM base AS parent\nONBUILD COPY --from=src /s /s\nFROM parent\nENV a=b',
    // docker 20.10 does not build the stage that only a trigger needs, and fails; since 1.11 the frontend does
    written: onBase([
      'config.Env ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin","a=b"]',
      'history + COPY /s /s # buildkit',
      'history - ENV a=b',
      'layer',
      '  s file 644 0:0 "s\\n"',
    ]),
  },
  'reset-commands': { text: 'FROM configured\nCMD []\nENTRYPOINT []' },
  'expose-not-a-port': { text: 'FROM base\nEXPOSE http', refused: /invalid containerPort: http/ },
  'expose-protocol': { text: 'FROM base\nEXPOSE 80/icmp', refused: /invalid proto/i },
  'expose-too-high': { text: 'FROM base\nEXPOSE 70000', refused: /invalid containerPort: 70000/ },
  'shell-not-json': { text: 'FROM base\nSHELL /bin/sh -c', refused: /SHELL requires the arguments to be in JSON form/ },
  'healthcheck-unknown-type': { text: 'FROM base\nHEALTHCHECK true', refused: /[Uu]nknown type|"true"|TRUE/ },
  'healthcheck-none-with-more': { text: 'FROM base\nHEALTHCHECK NONE x', refused: /HEALTHCHECK NONE takes no arguments/ },
  'healthcheck-short-interval': {
    text: 'FROM base\nHEALTHCHECK --interval=1us CMD x',
    refused: /Interval .*cannot be less than 1ms/i,
  },
  'healthcheck-without-command': { text: 'FROM base\nHEALTHCHECK CMD', refused: /Missing command after HEALTHCHECK CMD/ },
  'stopsignal-unknown': { text: 'FROM base\nSTOPSIGNAL NOPE', refused: /Invalid signal: NOPE/i },
  'onbuild-chain': { text: 'FROM base\nONBUILD ONBUILD RUN x', refused: /Chaining ONBUILD/ },
  'onbuild-from': { text: 'FROM base\nONBUILD FROM x', refused: /FROM isn't allowed as an ONBUILD trigger/ },
  'onbuild-maintainer': { text: 'FROM base\nONBUILD MAINTAINER x', refused: /MAINTAINER isn't allowed as an ONBUILD trigger/ },
  'volume-empty': { text: 'FROM base\nVOLUME ["", "/a"]', refused: /VOLUME specified can not be an empty string/ },
}
