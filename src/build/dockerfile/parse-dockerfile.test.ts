import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { GantryError } from '../../lib/errors.ts'
import type { Dockerfile, Instruction } from './instruction.ts'
import { parseDockerfile, parseTrigger } from './parse-dockerfile.ts'
import type { SourceDetail } from './source.ts'

/** The instructions after `FROM scratch`. */
const parse = (text: string): readonly Instruction[] => parseDockerfile(`FROM scratch\n${text}`).stages[0]!.instructions
const only = (text: string): Instruction => {
  const instructions = parse(text)
  assert.equal(instructions.length, 1)
  return instructions[0]!
}
/** An instruction without what all have. */
const essence = (text: string): object => {
  const { name: _name, text: _text, range: _range, comments: _comments, ...rest } = only(text)
  return rest
}
const fails = (text: string, reason: string, line = 2): void => {
  assert.throws(
    () => parse(text),
    (error) => {
      assert.ok(error instanceof GantryError, String(error))
      assert.equal(error.kind, 'invalid_argument')
      assert.equal(error.message, `Cannot build "Dockerfile" line ${line}: ${reason}`)
      assert.equal((error.detail as SourceDetail).startLine, line)
      return true
    },
  )
}
const directives = (text: string): Pick<Dockerfile, 'escape' | 'syntax' | 'check'> => {
  const { escape, syntax, check } = parseDockerfile(`${text}\nFROM scratch`)
  return { escape, ...(syntax === undefined ? {} : { syntax }), ...(check === undefined ? {} : { check }) }
}

test('parseDockerfile() reads parser directives at the top only (79)', () => {
  assert.deepEqual(directives('# syntax=docker/dockerfile:1\n#ESCAPE = `\n# check=skip=all;error=true'), {
    escape: '`',
    syntax: 'docker/dockerfile:1',
    check: 'skip=all;error=true',
  })
  assert.deepEqual(directives('\n# escape=`'), { escape: '\\' }, 'a blank line ends them')
  assert.deepEqual(directives('# a comment\n# escape=`'), { escape: '\\' }, 'a comment ends them')
  assert.deepEqual(directives('# unknown=1\n# escape=`'), { escape: '\\' }, 'an unknown directive ends them')
  assert.deepEqual(directives('ARG a\n# escape=`'), { escape: '\\' }, 'an instruction ends them')
  assert.deepEqual(directives('\u{feff}# escape=`\r'), { escape: '`' }, 'after a byte order mark, with CRLF')
})

test('parseDockerfile() reads syntax and check behind a #! line, but not escape (79)', () => {
  assert.deepEqual(directives('#!/usr/bin/env x\n# syntax=a/b\n# escape=`\n# check=skip=all'), {
    escape: '\\',
    syntax: 'a/b',
    check: 'skip=all',
  })
  assert.deepEqual(directives('# check=skip=all\n#!/bin/x\n# syntax=a/b'), { escape: '\\', check: 'skip=all' })
})

test('parseDockerfile() refuses a directive that is repeated or makes no sense (79)', () => {
  assert.throws(() => directives('# escape=`\n# escape=`'), /line 2: only one escape parser directive can be used/)
  assert.throws(() => directives('# escape=x'), /line 1: invalid escape token 'x' does not match ` or \\/)
})

test('parseDockerfile() joins continued lines and drops comments and empty lines inside (80)', () => {
  const { stages } = parseDockerfile('FROM scratch\nRUN echo a \\\n# comment\n\n  b \\  \n  # another\n\tc\n  LABEL x=y')
  const [run, label] = stages[0]!.instructions
  assert.deepEqual(run?.kind === 'run' && run.command, { form: 'shell', command: 'echo a   b \tc' })
  assert.deepEqual([run?.range.start, run?.range.end], [2, 7])
  assert.deepEqual([label?.range.start, label?.range.end], [8, 8])
})

test('parseDockerfile() continues only where the escape character stands alone at the end', () => {
  assert.deepEqual(essence('RUN a\\\\'), { ...essence('RUN a'), command: { form: 'shell', command: 'a\\\\' } })
  const backtick = parseDockerfile('# escape=`\nFROM scratch\nRUN dir c:\\ `\n  /w').stages[0]!.instructions[0]
  assert.deepEqual(backtick?.kind === 'run' && backtick.command, { form: 'shell', command: 'dir c:\\   /w' })
  assert.equal(parse('RUN a \\').length, 1, 'at the end of the file')
})

test('parseDockerfile() keeps comments above an instruction', () => {
  assert.deepEqual(only('# one\n# two\nRUN x').comments, ['one', 'two'])
  assert.deepEqual(only('# one\n#\n# two\nRUN x').comments, ['two'])
})

test('parseDockerfile() tells the JSON form from the shell form (90)', () => {
  assert.deepEqual(essence('CMD ["a", "b c"]'), { kind: 'cmd', command: { form: 'exec', args: ['a', 'b c'] } })
  assert.deepEqual(essence("CMD ['a']"), { kind: 'cmd', command: { form: 'shell', command: "['a']" } })
  assert.deepEqual(essence('CMD ["a",]'), { kind: 'cmd', command: { form: 'shell', command: '["a",]' } })
  assert.deepEqual(essence('CMD ["a"] b'), { kind: 'cmd', command: { form: 'shell', command: '["a"] b' } })
  assert.deepEqual(essence('CMD []'), { kind: 'cmd', command: { form: 'exec', args: [] } })
  assert.deepEqual(essence('ENTRYPOINT'), { kind: 'entrypoint', command: { form: 'shell', command: '' } })
  for (const name of ['CMD', 'RUN', 'ENTRYPOINT', 'SHELL', 'VOLUME', 'COPY', 'ADD', 'ONBUILD RUN'])
    fails(`${name} ["a", 1]`, 'when using JSON array syntax, arrays must be comprised of strings only')
})

test('parseDockerfile() takes both forms of ENV and LABEL (89)', () => {
  const pairs = (text: string): unknown => {
    const one = only(text)
    return one.kind === 'env' || one.kind === 'label' ? one.pairs.map(({ key, value }) => `${key}→${value}`) : one
  }
  assert.deepEqual(pairs('ENV a b c'), ['a→b c'])
  assert.deepEqual(pairs('ENV ONE TWO= THREE=world'), ['ONE→TWO= THREE=world'])
  assert.deepEqual(pairs('ENV a=1 b="2 3" c=4\\ 5 d='), ['a→1', 'b→"2 3"', 'c→4\\ 5', 'd→'])
  assert.deepEqual(pairs('LABEL "a b"=c'), ['"a b"→c'])
  assert.deepEqual(pairs('ENV a=b=c'), ['a→b=c'])
  fails('ENV a', 'ENV must have two arguments')
  fails('ENV', 'ENV requires at least one argument')
  fails('ENV a=1 b', 'Syntax error - can\'t find = in "b". Must be of the form: name=value')
  fails('LABEL =x', 'LABEL names can not be blank')
})

test('parseDockerfile() reads heredocs (91)', () => {
  const run = only('RUN <<EOF\necho a\n# no comment\nEOF')
  assert.deepEqual(run.kind === 'run' && run.heredocs, [{ name: 'EOF', content: 'echo a\n# no comment\n', stripTabs: false }])
  assert.deepEqual([run.range.start, run.range.end], [2, 5])

  const copy = only('COPY <<-a.txt <<"b.txt" c /dir/\n\tone $x\n\t\ttwo\n\ta.txt\n\tthree\nb.txt')
  assert.deepEqual(copy.kind === 'copy' && [copy.sources, copy.inline, copy.destination], [
    ['c'],
    [
      { name: 'a.txt', content: 'one $x\ntwo\n', expand: true },
      { name: 'b.txt', content: '\tthree\n', expand: false },
    ],
    '/dir/',
  ])
  const piped = only('RUN cat <<A | sh 3<<B\n1\nA\n2\nB')
  assert.deepEqual(piped.kind === 'run' && piped.heredocs.map((one) => one.content), ['1\n', '2\n'])
  const crlf = only('COPY <<EOF /x\r\na\r\nEOF\r\n')
  assert.deepEqual(crlf.kind === 'copy' && crlf.inline, [{ name: 'EOF', content: 'a\r\n', expand: true }])
  assert.equal(parse('COPY <<EOF /x\nRUN not an instruction\nEOF\nRUN x').length, 2)
})

test('parseDockerfile() takes << for what it is elsewhere', () => {
  assert.deepEqual(essence('LABEL a="<<EOF"'), { kind: 'label', pairs: [{ key: 'a', value: '"<<EOF"' }], legacy: false })
  const json = only('RUN ["cat", "<<EOF"]')
  assert.deepEqual(json.kind === 'run' && json.heredocs, [])
  const here = only('RUN cat <<< word')
  assert.deepEqual(here.kind === 'run' && here.heredocs, [])
  const shift = only("RUN echo $((1<<2)) '<<EOF'")
  assert.deepEqual(shift.kind === 'run' && shift.heredocs, [])
})

test('parseDockerfile() refuses heredocs that do not end or stand in the wrong place', () => {
  fails('RUN <<EOF\necho', 'unterminated heredoc')
  fails('COPY a <<EOF\nEOF', 'COPY cannot accept a heredoc as a destination')
  fails(
    'ADD <<EOF\nx\nEOF',
    'ADD requires at least two arguments, but only one was provided. Destination could not be determined',
  )
})

test('parseDockerfile() reads flags', () => {
  const copy = only('COPY --from=build --chown=1:2 --chmod=0644 --link --parents --exclude=a --exclude=b -- x y')
  assert.ok(copy.kind === 'copy')
  assert.deepEqual(
    [copy.from, copy.chown, copy.chmod, copy.link, copy.parents, copy.exclude],
    ['build', '1:2', '0644', true, true, ['a', 'b']],
  )
  assert.deepEqual([copy.sources, copy.destination], [['x'], 'y'])
  const add = only('ADD --checksum=sha256:0 --keep-git-dir=false --unpack=true a /b/')
  assert.deepEqual(add.kind === 'add' && [add.checksum, add.keepGitFolder, add.unpack], ['sha256:0', false, true])
  const run = only('RUN --network=none --security=insecure --mount=type=cache,target=/a --mount=target=/b  x --y')
  assert.deepEqual(run.kind === 'run' && [run.network, run.security, run.mounts], [
    'none',
    'insecure',
    ['type=cache,target=/a', 'target=/b'],
  ])
  assert.deepEqual(run.kind === 'run' && run.command, { form: 'shell', command: 'x --y' })
})

test('parseDockerfile() refuses flags in the words of BuildKit', () => {
  fails('COPY --form=x a b', 'unknown flag: --form (did you mean from?)')
  fails('COPY --nothing=x a b', 'unknown flag: --nothing')
  fails('COPY --chown a b', 'missing a value on flag: --chown')
  fails('COPY --link= a b', 'missing a value on flag: --link')
  fails('COPY --link=maybe a b', 'expecting boolean value for flag --link, not: maybe')
  fails('COPY --from=a --from=b a b', 'duplicate flag specified: --from')
  fails('COPY --link --link a b', 'duplicate flag specified: --link')
  fails('CMD --x y', 'unknown flag: --x')
  fails('COPY --constructor=x a b', 'unknown flag: --constructor')
  fails('RUN --network=bridge x', 'invalid network mode "bridge"')
  fails('RUN --security=none x', 'security "none" is not valid')
})

test('parseDockerfile() names the instruction that was meant', () => {
  fails('RNU x', 'unknown instruction: RNU (did you mean RUN?)')
  fails('copi a b', 'unknown instruction: copi (did you mean copy?)')
  fails('toString a b', 'unknown instruction: toString')
  fails('"RUN" x', 'unknown instruction: "RUN" (did you mean RUN?)')
})

test('parseDockerfile() says where, with the lines around', () => {
  assert.throws(
    () => parseDockerfile('FROM scratch\n\nLABEL a=b\nRUN --x \\\n  y\nLABEL c=d\n', 'sub/Dockerfile'),
    (error) => {
      const detail = (error as GantryError).detail as SourceDetail
      assert.deepEqual(
        [detail.file, detail.startLine, detail.endLine, detail.excerpt],
        [
          'sub/Dockerfile',
          4,
          5,
          [
            'sub/Dockerfile:4',
            '--------------------',
            '   2 |',
            '   3 |     LABEL a=b',
            '   4 | >>> RUN --x \\',
            '   5 | >>>   y',
            '   6 |     LABEL c=d',
            '--------------------',
          ].join('\n'),
        ],
      )
      return true
    },
  )
})

test('parseDockerfile() splits a file into stages', () => {
  const { args, stages } = parseDockerfile(
    'ARG v=1\nARG w\nFROM a:$v AS Build\nRUN x\nfrom --platform=$BUILDPLATFORM scratch\nFROM c as d-1.x_y\n',
  )
  assert.deepEqual(
    args.map((one) => one.args),
    [[{ key: 'v', value: '1' }], [{ key: 'w' }]],
  )
  assert.deepEqual(
    stages.map(({ index, from }) => [index, from.image, from.alias, from.platform]),
    [
      [0, 'a:$v', 'build', undefined],
      [1, 'scratch', undefined, '$BUILDPLATFORM'],
      [2, 'c', 'd-1.x_y', undefined],
    ],
  )
})

test('parseDockerfile() refuses a file that has no stage', () => {
  assert.throws(() => parseDockerfile(''), /Cannot build "Dockerfile": the Dockerfile cannot be empty/)
  assert.throws(() => parseDockerfile('# only\n\n'), /file with no instructions/)
  assert.throws(() => parseDockerfile('ARG a'), /dockerfile contains no stages to build/)
  assert.throws(() => parseDockerfile('RUN a'), /line 1: no build stage in current context/)
})

test('parseDockerfile() refuses what each instruction refuses', () => {
  fails('FROM a b', 'FROM requires either one or three arguments')
  fails('FROM', 'FROM requires either one or three arguments')
  fails('FROM a at b', 'FROM requires either one or three arguments')
  fails('FROM a AS 1b', 'invalid name for build stage: "1b", name can\'t start with a number or contain symbols')
  fails('ARG', 'ARG requires at least one argument')
  fails('ARG =x', 'ARG names can not be blank')
  fails('EXPOSE', 'EXPOSE requires at least one argument')
  fails('WORKDIR', 'WORKDIR requires exactly one argument')
  fails('USER', 'USER requires exactly one argument')
  fails('STOPSIGNAL', 'STOPSIGNAL requires exactly one argument')
  fails('MAINTAINER', 'MAINTAINER requires exactly one argument')
  fails('VOLUME', 'VOLUME requires at least one argument')
  fails('VOLUME []', 'VOLUME requires at least one argument')
  fails('VOLUME [""]', 'VOLUME specified can not be an empty string')
  fails('SHELL', 'SHELL requires at least one argument')
  fails('SHELL []', 'SHELL requires at least one argument')
  fails('SHELL bash -c', 'SHELL requires the arguments to be in JSON form: SHELL bash -c')
  fails('COPY a', 'COPY requires at least two arguments, but only one was provided. Destination could not be determined')
  fails('HEALTHCHECK', 'HEALTHCHECK requires at least one argument')
  fails('HEALTHCHECK NONE x', 'HEALTHCHECK NONE takes no arguments')
  fails('HEALTHCHECK CMD', 'Missing command after HEALTHCHECK CMD')
  fails('HEALTHCHECK exec x', 'Unknown type "EXEC" in HEALTHCHECK (try CMD)')
  fails('HEALTHCHECK --interval=1us CMD x', 'Interval "interval" cannot be less than 1ms')
  fails('HEALTHCHECK --interval=1x CMD x', 'time: unknown unit "x" in duration "1x"')
  fails('HEALTHCHECK --retries=-1 CMD x', '--retries cannot be negative (-1)')
  fails('HEALTHCHECK --retries=x CMD x', '--retries is not a number: "x"')
  fails('ONBUILD', 'ONBUILD requires at least one argument')
  fails('ONBUILD onbuild RUN x', "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed")
  fails('ONBUILD FROM x', "FROM isn't allowed as an ONBUILD trigger")
  fails('ONBUILD maintainer x', "MAINTAINER isn't allowed as an ONBUILD trigger")
})

test('parseDockerfile() reads the instructions that only describe', () => {
  assert.deepEqual(essence('EXPOSE 80 443/udp  $P'), { kind: 'expose', ports: ['$P', '443/udp', '80'] })
  assert.deepEqual(essence('VOLUME /a /b'), { kind: 'volume', volumes: ['/a', '/b'] })
  assert.deepEqual(essence('VOLUME ["/a b"]'), { kind: 'volume', volumes: ['/a b'] })
  assert.deepEqual(essence('WORKDIR /a b'), { kind: 'workdir', path: '/a b' })
  assert.deepEqual(essence('USER a:b'), { kind: 'user', user: 'a:b' })
  assert.deepEqual(essence('STOPSIGNAL SIGINT'), { kind: 'stopsignal', signal: 'SIGINT' })
  assert.deepEqual(essence('MAINTAINER a <b@c>'), { kind: 'maintainer', maintainer: 'a <b@c>' })
  assert.deepEqual(essence('SHELL ["bash", "-c"]'), { kind: 'shell', shell: ['bash', '-c'] })
  assert.deepEqual(essence('ARG a b=1 c="x y"'), {
    kind: 'arg',
    args: [{ key: 'a' }, { key: 'b', value: '1' }, { key: 'c', value: '"x y"' }],
  })
  assert.deepEqual(essence('HEALTHCHECK none'), { kind: 'healthcheck', check: { Test: ['NONE'] } })
  assert.deepEqual(essence('HEALTHCHECK --interval=1m30s --timeout=1.5s --start-period=8760h --retries=3 CMD ["a", "b"]'), {
    kind: 'healthcheck',
    check: { Test: ['CMD', 'a', 'b'], Interval: 90e9, Timeout: 1.5e9, StartPeriod: 8760 * 3600e9, Retries: 3 },
  })
  assert.deepEqual(essence('HEALTHCHECK CMD a || b'), { kind: 'healthcheck', check: { Test: ['CMD-SHELL', 'a || b'] } })
})

test('parseDockerfile() keeps a trigger as it is written (114)', () => {
  assert.deepEqual(essence('ONBUILD  RUN  echo $x'), { kind: 'onbuild', expression: 'RUN  echo $x' })
  const heredoc = only('ONBUILD COPY <<EOF /x\nhi\nEOF')
  assert.equal(heredoc.kind === 'onbuild' && heredoc.expression, 'COPY <<EOF /x\nhi\nEOF')
  const from = parseDockerfile('FROM scratch').stages[0]!.from.range
  const trigger = parseTrigger('COPY <<EOF /x\nhi\nEOF', from)
  assert.deepEqual(trigger.kind === 'copy' && trigger.inline, [{ name: 'EOF', content: 'hi\n', expand: true }])
  assert.equal(trigger.range, from)
  assert.throws(() => parseTrigger('RUN a\nRUN b', from), /line 1: onbuild trigger should be a single expression/)
  assert.throws(() => parseTrigger('FROM a', from), /line 1: FROM isn't allowed as an ONBUILD trigger/)
})

test('parseDockerfile() takes names in any case and blanks before them', () => {
  assert.deepEqual(
    parse('  run a\n\tRun b\nrUN c').map((one) => one.name),
    ['run', 'Run', 'rUN'],
  )
})

const onlyGantryErrors = (text: string): void => {
  try {
    parseDockerfile(text)
  } catch (error) {
    assert.ok(error instanceof GantryError, String(error))
  }
}

test('parseDockerfile() throws nothing but a GantryError for random bytes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => onlyGantryErrors(Buffer.from(bytes).toString('utf8'))),
    { numRuns: 1000, seed: 11 },
  )
})

test('parseDockerfile() throws nothing but a GantryError for random token soup', () => {
  const words = 'FROM|RUN|COPY|ADD|ENV|ARG|LABEL|ONBUILD|HEALTHCHECK|SHELL|CMD|VOLUME|EXPOSE|a|scratch|AS|--|--from=|EOF'
  const marks = ' | | |\n|\n|\r\n|\\\n|\t|#|# escape=`\n|"|\'|[|]|["a"]|,|=|<<|<<EOF|<<-E|\nEOF\n|$|${|}|\\|`|1|\u{feff}|é|\0'
  const token = fc.constantFrom(...words.split('|'), ...marks.split('|'))
  fc.assert(
    fc.property(fc.array(token, { maxLength: 60 }), (tokens) => onlyGantryErrors(`FROM scratch\n${tokens.join('')}`)),
    { numRuns: 3000, seed: 12 },
  )
})

test('parseDockerfile() takes time in proportion to the size of hostile files', () => {
  const size = 200_000
  const hostile = [
    `FROM scratch\nRUN ${'\\\n'.repeat(size / 2)}x`,
    `FROM scratch\nRUN ${'<<a '.repeat(size / 4)}`,
    `FROM scratch\nRUN ${'\r'.repeat(size)}x`,
    `FROM scratch\nENV ${'a=b '.repeat(size / 4)}`,
    `FROM scratch\nCMD ${'['.repeat(size)}`,
    `FROM scratch\nRUN ${' '.repeat(size)}x${' '.repeat(size)}y`,
    `FROM scratch\nCOPY ${'--a '.repeat(size / 4)}`,
    `FROM scratch\n${'#'.repeat(size)}\nRUN ${'"'.repeat(size)}`,
    `FROM scratch\nHEALTHCHECK --interval=${'1s'.repeat(size / 4)} CMD x`,
    `# ${'a'.repeat(size)}${' '.repeat(size)}=\nFROM scratch`,
    `FROM scratch\nCOPY <<-EOF /x\n${'\t'.repeat(size)}\n${'\n'.repeat(size)}EOF\n`,
    `FROM scratch\nONBUILD ${'ONBUILD '.repeat(size / 8)}`,
  ]
  for (const text of hostile) {
    const start = performance.now()
    onlyGantryErrors(text)
    assert.ok(performance.now() - start < 3000, JSON.stringify(text.slice(0, 40)))
  }
})
