import { onBase, type CorpusRows } from '../row.ts'

const path = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
const env = (...values: readonly string[]): string => `config.Env ${JSON.stringify([path, ...values])}`

const cleaned = 'BuildKit cleans the path by now; docker 20.10 keeps it as it is written'
const inheritedArguments = 'BuildKit lists the ARGs of the stage below, too, by now; RUN sees them in both'

/** ARG and ENV: which instruction sees what (82, 84, 85, 86, 87, 89). */
export const argumentRows: CorpusRows = {
  'env-snapshot': { text: 'FROM base\nENV abc=hello\nENV abc=bye def=$abc\nENV ghi=$abc', buildah: true },
  'env-legacy': { text: 'FROM base\nENV a b c\nENV ONE TWO= THREE=world\nENV x   y  z  ' },
  'env-legacy-quotes': { text: 'FROM base\nENV a "b c" d\nENV e \'f\' "g" $a\nENV h=1 i="2"' },
  'env-quoting': {
    text: 'FROM base\nENV a=1 b="two words" c=three\\ words d=\'$a\' e="$a" f=\\$a g="\\$a" h="a\'b" i=\'a"b\' j="a\\"b"',
  },
  'env-empty': { text: 'FROM base\nENV a= b="" c=\'\' d=x\nENV e=${a}${b}$c-$d' },
  'env-continued': { text: 'FROM base\nENV a=1 \\\n    b=2 \\\n# comment\n    c="3 \\\n4"' },
  'env-overwrites-in-place': { text: 'FROM base\nENV a=1 b=2\nENV a=3\nENV c=4 b=5' },
  'env-path': { text: 'FROM base\nENV PATH=/opt/bin:$PATH\nRUN echo $PATH > /path', buildah: true },
  'env-path-replaced': { text: 'FROM base\nENV PATH=/bin\nRUN echo $PATH > /path' },
  'env-same-name-twice': { text: 'FROM base\nENV a=1 a=2\nRUN echo $a > /a' },
  'env-case': { text: 'FROM base\nENV a=lower A=upper\nRUN echo $a $A > /case' },
  'env-equals-in-value': { text: 'FROM base\nENV a=b=c d==e' },
  'env-odd-names': { text: 'FROM base\nENV a.b=1 a-b=2 1a=3\nRUN env | grep -E "^(a|1)" | sort > /odd' },
  'env-name-expanded': { text: 'FROM base\nENV name=key\nENV $name=value' },
  'env-unset-is-empty': {
    text: 'FROM base\nENV a=x${nothing}y$nothing\nWORKDIR /path/$DIRNAME\nLABEL l=$nothing',
    differs: [
      { reason: cleaned, theirs: 'config.WorkingDir "/path/"', ours: 'config.WorkingDir "/path"' },
      { reason: cleaned, theirs: 'history + WORKDIR /path/', ours: 'history + WORKDIR /path' },
    ],
  },
  'env-multiline': { text: 'FROM base\nENV a="line one\\nstill one" b="x\\ty"\nRUN printf "%s" "$a" > /a' },
  'env-utf8': { text: 'FROM base\nENV a="grüße → 世界"\nLABEL k="ключ"\nRUN echo "$a" > /ü' },
  'arg-before-use': { text: 'FROM base\nENV before=x$late\nARG late=1\nENV after=x$late' },
  'arg-default': { text: 'FROM base\nARG a=1\nARG b=$a.2\nARG c\nENV v=$a-$b-$c' },
  'arg-given': { text: 'FROM base\nARG a=1\nARG b\nARG c=keep\nENV v=$a-$b-$c', buildArgs: { a: 'A', b: 'B' }, buildah: true },
  'arg-given-empty': { text: 'FROM base\nARG a=1\nENV v=x${a}y${a:-default}', buildArgs: { a: '' } },
  'arg-given-unexpanded': { text: 'FROM base\nENV x=1\nARG a\nENV v=$a', buildArgs: { a: '$x "q" \\n' } },
  'arg-undeclared': { text: 'FROM base\nENV v=x$never\nRUN echo "[$never]" > /never', buildArgs: { never: 'given' } },
  'arg-again': { text: 'FROM base\nARG a=1\nENV one=$a\nARG a=2\nENV two=$a' },
  'arg-again-given': { text: 'FROM base\nARG a=1\nENV one=$a\nARG a=2\nENV two=$a', buildArgs: { a: '3' } },
  'arg-again-without-value': { text: 'FROM base\nARG a=1\nARG a\nENV v=x$a' },
  'arg-several': {
    text: 'FROM base\nARG a=1 b=2 c\nENV v=$a$b$c',
    // docker 20.10's frontend does not see $b and $c; since 1.2 they are
    buildArgs: { c: '3' },
  },
  'arg-quoted': { text: 'FROM base\nARG a="two words"\nARG b=\'$a\'\nARG c="$a!"\nENV va="$a" vb="$b" vc="$c"' },
  'env-beats-arg': {
    text: 'FROM base\nARG a=arg\nENV a=env\nRUN echo $a > /a\nENV v=$a',
    buildArgs: { a: 'given' },
  },
  'arg-after-env': { text: 'FROM base\nENV x=env\nARG x=arg\nRUN echo $x > /x\nENV y=$x' },
  'arg-after-env-given': { text: 'FROM base\nENV x=env\nARG x\nRUN echo $x > /x\nENV y=$x', buildArgs: { x: 'given' } },
  'arg-after-env-alone': { text: 'FROM base\nENV x=env\nARG x\nRUN echo $x > /x\nENV y=$x' },
  'env-from-arg': { text: 'FROM base\nARG v\nENV V=${v:-v1.0}\nRUN echo $V > /out' },
  'arg-scope-ends': {
    text: 'FROM base AS a\nARG x=1\nENV a=$x\nFROM base\nENV a=x$x\nRUN echo "[$x]" > /x',
  },
  'arg-inherited-by-stage': {
    text: 'FROM base AS a\nARG x=1\nFROM a\nENV v=$x\nRUN echo $x > /x',
    differs: [
      {
        reason: inheritedArguments,
        theirs: 'history + RUN /bin/sh -c echo $x > /x # buildkit',
        ours: 'history + RUN |1 x=1 /bin/sh -c echo $x > /x # buildkit',
      },
    ],
  },
  'arg-global-not-in-stage': { text: 'ARG x=global\nFROM base\nENV v=[$x]\nRUN echo "[$x]" > /x', buildah: true },
  'arg-global-redeclared': { text: 'ARG x=global\nFROM base\nARG x\nENV v=$x\nRUN echo $x > /x' },
  'arg-global-overridden': { text: 'ARG x=global\nFROM base\nARG x=own\nENV v=$x' },
  'arg-global-chain': { text: 'ARG a=1\nARG b=${a}2\nARG a=3\nARG c=$a$b\nFROM base\nARG a\nARG b\nARG c\nENV v=$a-$b-$c' },
  'arg-global-empty': {
    text: 'ARG x=\nFROM base\nARG x\nENV v=[$x]${x-unset}',
    written: onBase([env('v=[]'), 'history - ARG x=', 'history - ENV v=[]']),
  },
  'arg-in-history': { text: 'FROM base\nARG a=1\nARG b\nARG c="x y"\nENV k=v\nRUN echo hi > /hi', buildArgs: { b: 'given' } },
  'arg-in-history-of-child': {
    text: 'FROM base AS a\nARG one=1\nRUN echo a > /a\nFROM a\nARG two=2\nRUN echo b > /b',
    differs: [
      {
        reason: inheritedArguments,
        theirs: 'history + RUN |1 two=2 /bin/sh -c echo b > /b # buildkit',
        ours: 'history + RUN |2 one=1 two=2 /bin/sh -c echo b > /b # buildkit',
      },
    ],
  },
  'proxy-undeclared': {
    text: 'FROM base\nRUN echo $HTTP_PROXY $no_proxy > /proxy\nENV v=[$HTTP_PROXY]',
    buildArgs: { HTTP_PROXY: 'http://proxy.test:1', no_proxy: 'none.test' },
  },
  'proxy-declared': {
    text: 'FROM base\nARG HTTPS_PROXY\nRUN echo $HTTPS_PROXY > /proxy\nENV v=$HTTPS_PROXY',
    buildArgs: { HTTPS_PROXY: 'http://proxy.test:2' },
  },
  'proxy-default': { text: 'FROM base\nARG FTP_PROXY=ftp://default\nRUN echo $FTP_PROXY > /proxy' },
  'platform-args': {
    text: 'FROM base\nARG TARGETPLATFORM\nARG TARGETOS\nARG TARGETARCH\nARG TARGETVARIANT\nARG BUILDPLATFORM\nARG BUILDARCH\nENV v="$TARGETPLATFORM $TARGETOS $TARGETARCH [$TARGETVARIANT] $BUILDPLATFORM $BUILDARCH"',
  },
  'platform-args-undeclared': { text: 'FROM base\nENV v=[$TARGETPLATFORM]\nRUN echo "[$TARGETARCH]" > /x' },
  'platform-args-global': { text: 'ARG where=$TARGETOS-$TARGETARCH\nFROM base\nARG where\nENV v=$where' },
  'platform-args-given': { text: 'FROM base\nARG TARGETARCH\nENV v=$TARGETARCH', buildArgs: { TARGETARCH: 'other' } },
  'platform-args-default-ignored': { text: 'FROM base\nARG TARGETARCH=mine\nENV v=$TARGETARCH' },
  'target-stage-arg': {
    text: 'FROM base AS build\nARG TARGETSTAGE\nENV v=$TARGETSTAGE',
    target: 'build',
    written: onBase([env('v=build'), 'history - ARG TARGETSTAGE=build', 'history - ENV v=build']),
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
  'run-not-expanded': {
    text: 'FROM base\nENV a=outer\nRUN a=inner; echo $a ${a%r} "$a" \'$a\' > /out\nCMD echo $a\nENTRYPOINT ["echo", "$a"]',
  },
  'expanded-instructions': {
    text: `FROM base
ENV n=7 name=app folder=/data word=w
EXPOSE $n \${n}1/udp
LABEL $word=$n "l $word"="v $word"
USER $name
VOLUME $folder/\${n}
WORKDIR $folder/$word
STOPSIGNAL $n
ONBUILD ENV later=$n`,
  },
  'shell-quoting': { text: 'FROM base\nENV a="x y"\nRUN echo "$a" \'$a\' \\$a ${a#x} "${none:-d}" > /out' },
}
