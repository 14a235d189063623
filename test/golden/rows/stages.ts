import { onBase, type CorpusRows } from '../row.ts'

/** FROM: stages, targets, scratch, what a stage takes over from the one below. */
export const stages: CorpusRows = {
  scratch: { text: 'FROM scratch\nCOPY top /top\n', files: { top: 'top' }, buildah: true },
  'scratch-metadata-only': {
    text: 'FROM scratch\nENV a=b\nLABEL c=d\nCMD ["/x"]',
    // docker 20.10 builds it, but cannot save an image without layers
    written: [
      'linux/amd64',
      'config.Cmd ["/x"]',
      'config.Env ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin","a=b"]',
      'config.Labels {"c":"d"}',
      'config.WorkingDir "/"',
      'history - ENV a=b',
      'history - LABEL c=d',
      'history - CMD ["/x"]',
    ],
  },
  'base-unchanged': { text: 'FROM base' },
  'names-any-case': {
    text: 'FROM base AS One\nRUN echo 1 > /one\nFROM base\nCOPY --from=oNE /one /copied\n',
  },
  'stage-by-number': {
    text: 'FROM base AS zero\nRUN echo 0 > /zero\nFROM base\nRUN echo 1 > /one\nFROM scratch\nCOPY --from=0 /zero /\nCOPY --from=1 /one /\n',
  },
  'stage-on-stage': {
    text: 'FROM base AS first\nENV a=1 b=2\nWORKDIR /w\nUSER app\nFROM first AS second\nENV b=3\nFROM second\nRUN echo $a $b > /tmp/out; pwd >> /tmp/out; id -u >> /tmp/out\n',
  },
  'stage-shadows-image': { text: 'FROM scratch AS base\nCOPY top /\nFROM base\nCOPY top /again', files: { top: 'top' } },
  'stage-named-twice': {
    text: 'FROM scratch AS same\nCOPY one /\nFROM scratch AS same\nCOPY two /\nFROM scratch\nCOPY --from=same / /from/',
    files: { one: '1', two: '2' },
  },
  'copy-from-image': { text: 'FROM scratch\nCOPY --from=base /etc/motd /etc/passwd /etc/' },
  'copy-from-stage-below': { text: 'FROM base AS a\nRUN echo x > /x\nFROM a\nRUN rm /x\nCOPY --from=a /x /y' },
  target: { text: 'FROM base AS first\nRUN echo first > /out\nFROM base AS second\nRUN exit 1', target: 'first', buildah: true },
  'target-number': {
    text: 'FROM base\nENV a=0\nFROM base\nENV a=1\nFROM base\nENV a=2',
    target: '1',
    // BuildKit knows targets by name only; docker's classic builder and buildah by number, too
    written: onBase([
      'config.Env ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin","a=1"]',
      'history - ENV a=1',
    ]),
  },
  'target-any-case': { text: 'FROM base AS Dev\nENV a=0\nFROM base\nRUN exit 1', target: 'dEV' },
  'target-last': { text: 'FROM base AS one\nENV a=1\nFROM base AS two\nENV a=2', target: 'two' },
  unused: { text: 'FROM base AS broken\nRUN exit 1\nFROM base\nRUN echo fine > /out' },
  'unused-missing-source': { text: 'FROM base AS broken\nCOPY none /\nFROM base\nENV a=b' },
  'chain-of-stages': {
    text: 'FROM base AS a\nRUN echo a > /f\nFROM scratch AS b\nCOPY --from=a /f /f\nFROM scratch AS c\nCOPY --from=b /f /g\nFROM scratch\nCOPY --from=c /g /h\nCOPY --from=b /f /h2',
  },
  'copy-whole-stage': {
    text: 'FROM scratch AS a\nCOPY app /app\nFROM scratch\nCOPY --from=a / /all',
    files: { 'app/x': 'x', 'app/y/z': { text: 'z', mode: 0o755 } },
    buildah: true,
  },
  'stage-env-stays-there': {
    text: 'FROM base AS a\nENV a=b\nLABEL l=m\nEXPOSE 5\nUSER app\nFROM base\nCOPY --from=a /etc/motd /m',
  },
  'configured-base': { text: 'FROM configured\nENV OWN=1 SHARED=own\nLABEL own=1 shared=own\nEXPOSE 81' },
  'configured-base-run': { text: 'FROM configured\nRUN pwd > here; id -u >> here; echo $FROM_BASE >> here' },
  'configured-base-stage': { text: 'FROM configured AS a\nRUN true\nFROM a\nCMD ["other"]' },
  'from-platform': { text: 'FROM --platform=linux/amd64 base\nRUN echo x > /x' },
  'from-platform-variable': {
    text: 'FROM --platform=$BUILDPLATFORM base AS build\nRUN echo x > /x\nFROM base\nCOPY --from=build /x /x',
  },
  'from-platform-target': { text: 'FROM --platform=$TARGETPLATFORM base\nARG TARGETPLATFORM\nRUN echo $TARGETPLATFORM > /p' },
  'from-tag-and-blanks': { text: '  FROM   base:latest   AS   x  \nENV a=b', buildah: true },
  'global-arg': {
    text: 'ARG tag=latest\nARG name=base:${tag}\nFROM ${name}\nARG tag\nRUN echo "tag=$tag name=$name" > /out',
  },
  'global-arg-given': {
    text: 'ARG image=none\nFROM $image\nARG image\nENV I=$image',
    buildArgs: { image: 'base' },
  },
  'global-arg-default': { text: 'ARG image\nFROM ${image:-base}\nENV I=x${image}', buildah: true },
  'global-arg-in-stage-name': {
    text: 'ARG which=two\nFROM base AS one\nENV a=1\nFROM base AS two\nENV a=2\nFROM $which\nENV b=$a',
  },
  'merged-deletions': {
    text: 'FROM base AS a\nRUN mkdir /d && echo 1 > /d/one && echo 2 > /d/two\nFROM a AS b\nRUN rm /d/one\nFROM scratch\nCOPY --from=b /d /d',
  },
}
