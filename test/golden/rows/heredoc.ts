import { onBase, type CorpusRow, type CorpusRows } from '../row.ts'

const path = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
const onScratch = (lines: readonly string[]): readonly string[] => [
  'linux/amd64',
  `config.Env ["${path}"]`,
  'config.WorkingDir "/"',
  ...lines,
]

/** What a COPY of one heredoc to /f holds, on an image with `v=value`. */
const copied = (heredoc: string, text: string): CorpusRow => ({
  text: `FROM base\nENV v=value\nCOPY ${heredoc}`,
  written: onBase([
    `config.Env ["${path}","v=value"]`,
    'history - ENV v=value',
    'history + COPY <<E /f # buildkit',
    'layer',
    `  f file 644 0:0 ${JSON.stringify(text)}`,
  ]),
})

/** What a RUN with heredocs leaves in /o, and how its command stands in the history. */
const ran = (instruction: string, command: string, text: string): CorpusRow => ({
  text: `FROM base\n${instruction}`,
  written: onBase([`history + RUN ${command} # buildkit`, 'layer', `  o file 644 0:0 ${JSON.stringify(text)}`]),
})

/** Heredocs (91). */
export const heredoc: CorpusRows = {
  'heredoc-copy': {
    text: 'FROM scratch\nCOPY <<EOF /single\nsingle file\nEOF\n',
    written: onScratch(['history + COPY <<EOF /single # buildkit', 'layer', '  single file 644 0:0 "single file\\n"']),
  },
  'heredoc-copy-several': {
    text: 'FROM scratch\nCOPY <<one <<two.txt /d/\nfirst\none\nsecond\nline\ntwo.txt\n',
    written: onScratch([
      'history + COPY <<one <<two.txt /d/ # buildkit',
      'layer',
      '  d folder 755 0:0',
      '  d/one file 644 0:0 "first\\n"',
      '  d/two.txt file 644 0:0 "second\\nline\\n"',
    ]),
  },
  'heredoc-copy-and-file': {
    text: 'FROM scratch\nCOPY top <<E /d/\ninline\nE\n',
    files: { top: 'top' },
    written: onScratch([
      'history + COPY top <<E /d/ # buildkit',
      'layer',
      '  d folder 755 0:0',
      '  d/E file 644 0:0 "inline\\n"',
      '  d/top file 644 0:0 "top" @2021-06-01T00:00:00',
    ]),
  },
  'heredoc-copy-empty': copied('<<E /f\nE\n', ''),
  'heredoc-copy-expands': copied('<<E /f\n$v ${v%ue} ${none:-d} $none.\nE\n', 'value val d .\n'),
  'heredoc-copy-quoted-single': copied("<<'E' /f\n$v \\$v \\\\\nE\n", '$v \\$v \\\\\n'),
  'heredoc-copy-quoted-double': copied('<<"E" /f\n${v}\nE\n', '${v}\n'),
  'heredoc-copy-escapes': copied('<<E /f\n\\$v \\\\ "q" \'$v\'\nE\n', '$v \\ "q" \'value\'\n'),
  'heredoc-copy-backslash-newline': copied('<<E /f\na\\\nb\nE\n', 'a\nb\n'),
  'heredoc-copy-tabs': copied('<<-E /f\n\t\tone\n\t  two\n  \tthree\n\tE\n', 'one\n  two\n  \tthree\n'),
  'heredoc-copy-tabs-kept': copied('<<E /f\n\tone\nE\n', '\tone\n'),
  'heredoc-copy-comments-kept': copied('<<E /f\n# not a comment\n\n  # nor this\nE\n', '# not a comment\n\n  # nor this\n'),
  'heredoc-copy-like-instruction': copied('<<E /f\nFROM scratch\nRUN exit 1\nE\n', 'FROM scratch\nRUN exit 1\n'),
  'heredoc-copy-mark-inside': copied('<<E /f\nEE\n E\nE \nE\n', 'EE\n E\nE \n'),
  'heredoc-copy-crlf': copied('<<E /f\r\none\r\nE\r\n', 'one\r\n'),
  'heredoc-copy-flags': {
    text: 'FROM base\nCOPY --chown=app:staff --chmod=751 <<E /x/f\ntext\nE\n',
    written: onBase([
      'history + COPY --chown=app:staff --chmod=751 <<E /x/f # buildkit',
      'layer',
      '  x folder 755 500:77',
      '  x/f file 751 500:77 "text\\n"',
    ]),
  },
  'heredoc-copy-to-workdir': {
    text: 'FROM base\nWORKDIR /w\nCOPY <<named .\ntext\nnamed\n',
    written: onBase([
      'config.WorkingDir "/w"',
      'history + WORKDIR /w',
      'history + COPY <<named . # buildkit',
      'layer',
      '  w folder 755 0:0',
      'layer',
      '  w folder 755 0:0',
      '  w/named file 644 0:0 "text\\n"',
    ]),
  },
  'heredoc-add': {
    text: 'FROM scratch\nADD <<a.tar <<b /x/\nno archive\na.tar\nB\nb\n',
    written: onScratch([
      'history + ADD <<a.tar <<b /x/ # buildkit',
      'layer',
      '  x folder 755 0:0',
      '  x/a.tar file 644 0:0 "no archive\\n"',
      '  x/b file 644 0:0 "B\\n"',
    ]),
  },
  'heredoc-run': ran('RUN <<E\na=1\necho $a > /o\nE\n', '/bin/sh -c a=1\necho $a > /o\n', '1\n'),
  'heredoc-run-tabs': ran('RUN <<-E\n\techo "\n\t\ttext" > /o\n\tE\n', '/bin/sh -c echo "\ntext" > /o\n', '\ntext\n'),
  'heredoc-run-script': ran('RUN <<E\n#!/bin/sh -e\necho $0 > /o\nE\n', '/dev/pipes/E', '/dev/pipes/E\n'),
  'heredoc-run-script-awk': ran(
    'RUN <<prog.awk\n#!/bin/awk -f\nBEGIN { print "awk" > "/o" }\nprog.awk\n',
    '/dev/pipes/prog.awk',
    'awk\n',
  ),
  'heredoc-run-for-command': ran('RUN cat <<E > /o\ntext\nE\n', '/bin/sh -c cat <<E > /o\ntext\nE', 'text\n'),
  'heredoc-run-for-commands': ran(
    "RUN cat <<A > /o && cat <<'B' >> /o\na $((1+1))\nA\nb $HOME\nB\n",
    "/bin/sh -c cat <<A > /o && cat <<'B' >> /o\na $((1+1))\nA\nb $HOME\nB",
    'a 2\nb $HOME\n',
  ),
  'heredoc-run-before-command': ran('RUN <<E cat > /o\ntext\nE\n', '/bin/sh -c <<E cat > /o\ntext\nE', 'text\n'),
  'heredoc-run-shell': {
    text: 'FROM base\nSHELL ["/bin/awk"]\nRUN <<E\nBEGIN { print "awk" > "/o" }\nE\n',
    written: onBase([
      'config.Shell ["/bin/awk"]',
      'history - SHELL [/bin/awk]',
      'history + RUN /bin/awk BEGIN { print "awk" > "/o" }\n # buildkit',
      'layer',
      '  o file 644 0:0 "awk\\n"',
    ]),
  },
  'heredoc-run-and-arguments': {
    text: 'FROM base\nARG name=world\nRUN <<E\necho "Hello ${name}!" > /o\nname=new\necho "$name" >> /o\nE\n',
    written: onBase([
      'history - ARG name=world',
      'history + RUN |1 name=world /bin/sh -c echo "Hello ${name}!" > /o\nname=new\necho "$name" >> /o\n # buildkit',
      'layer',
      '  o file 644 0:0 "Hello world!\\nnew\\n"',
    ]),
  },
  'heredoc-onbuild': {
    text: 'FROM base AS a\nONBUILD RUN <<E\necho trigger > /o\nE\nFROM a\nENV b=c',
    written: onBase([
      `config.Env ["${path}","b=c"]`,
      'history + RUN /bin/sh -c echo trigger > /o\n # buildkit',
      'history - ENV b=c',
      'layer',
      '  o file 644 0:0 "trigger\\n"',
    ]),
  },
  'heredoc-not-in-env': { text: 'FROM base\nENV a="<<E" b=1\nLABEL c="x<<E"', buildah: true },
  'heredoc-shell-here-string': { text: 'FROM base\nRUN echo "a <<< b" > /o' },
  'heredoc-unterminated': { text: 'FROM base\nCOPY <<E /f\ntext\n', refused: /unterminated heredoc/, written: [] },
  'heredoc-run-fails': { text: 'FROM base\nRUN <<E\ntrue\nexit 4\nE\n', refused: /exit code: 4$/, written: [] },
}
