import { onBase, type CorpusRow, type CorpusRows } from '../row.ts'

const path = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/** `ENV` of some values, then what each expression gives of them, by the reference's §Environment replacement. */
const gives = (set: Readonly<Record<string, string>>, expressions: Readonly<Record<string, string>>): CorpusRow => {
  const given = Object.entries(set).map(([key, value]) => `${key}=${value}`)
  const pairs = Object.entries(expressions).map(([expression, result], index) => ({ key: `v${index}`, expression, result }))
  const results = pairs.map(({ key, result }) => `${key}=${result}`)
  return {
    text: `FROM base\nENV ${given.map((one) => `"${one}"`.replace(/^"(\w+)=/, '$1="')).join(' ')}\nENV ${pairs.map(({ key, expression }) => `${key}=${expression}`).join(' ')}`,
    written: onBase([
      `config.Env ${JSON.stringify([path, ...given, ...results])}`,
      `history - ENV ${given.join(' ')}`,
      `history - ENV ${results.join(' ')}`,
    ]),
  }
}

/** Expansion with modifiers (83), as ENV sees it; those that docker 20.10 knows are compared with it. */
export const modifiers: CorpusRows = {
  'default-and-alternative': {
    text: 'FROM base\nENV set=s empty=\nENV a=${set:-d} b=${empty:-d} c=${none:-d} e=${set:+alt} f=[${empty:+alt}] g=[${none:+alt}]',
    buildah: true,
  },
  'default-of-default': { text: 'FROM base\nENV b=B\nENV v=${a:-${b:-c}} w=${a:-${x:-c}} y=${a:-$b$b}' },
  'default-with-quotes': { text: 'FROM base\nENV v="${a:-two words}" w=${a:-"q q"}' },
  'default-copy': {
    text: 'FROM base\nARG from=top\nCOPY ${from:-none} ${to:-/dest}/\nWORKDIR ${w:-/w}',
    files: { top: 't' },
  },
  'braces-and-text': { text: 'FROM base\nENV a=A\nENV v=x${a}y w=$a-b x=$ab y=${a}b z=$a.b' },
  'dollar-alone': { text: 'FROM base\nENV a=$ b="$ x" c=a$' },
  'escaped-dollar': { text: 'FROM base\nENV a=A\nENV v=\\$a w=\\${a} x="\\$a" y=\\\\$a' },
  'single-quotes-stop': { text: "FROM base\nENV a=A\nENV v='$a' w='${a:-b}' x=\"'$a'\" y='\"$a\"'" },
  'numbers-are-names': { text: 'FROM base\nENV v=[$1] w=[${2:-x}]' },
  'colonless-default': gives({ set: 's', empty: '' }, { '${set-d}': 's', 'x${empty-d}': 'x', '${none-d}': 'd' }),
  'colonless-alternative': gives({ set: 's', empty: '' }, { '${set+a}': 'a', '${empty+a}': 'a', 'x${none+a}': 'x' }),
  'required-and-there': gives({ set: 's', empty: '' }, { '${set:?no}': 's', '${set?no}': 's', 'x${empty?no}': 'x' }),
  prefix: gives(
    { f: 'foo.bar.baz' },
    { '${f#foo.}': 'bar.baz', '${f#*.}': 'bar.baz', '${f##*.}': 'baz', '${f#none}': 'foo.bar.baz', '${f#f?}': 'o.bar.baz' },
  ),
  suffix: gives(
    { f: 'foo.bar.baz' },
    { '${f%.baz}': 'foo.bar', '${f%.*}': 'foo.bar', '${f%%.*}': 'foo', '${f%none}': 'foo.bar.baz', '${f%?}': 'foo.bar.ba' },
  ),
  replacement: gives(
    { f: 'foo.bar.foo' },
    {
      '${f/foo/x}': 'x.bar.foo',
      '${f//foo/x}': 'x.bar.x',
      '${f/./}': 'foobar.foo',
      '${f//./-}': 'foo-bar-foo',
      '${f/o*b/X}': 'fXar.foo',
    },
  ),
  'pattern-escapes': gives({ f: 'a*b*c' }, { '${f#a\\*}': 'b*c', '${f//\\*/.}': 'a.b.c', '${f%\\**}': 'a*b' }),
  'pattern-from-variable': gives(
    { f: 'foobar', p: 'foo' },
    { '${f#$p}': 'bar', '${f/$p/x}': 'xbar', '${f/${p}/${f}}': 'foobarbar' },
  ),
  'modifiers-of-unset': gives({ a: '1' }, { 'x${none#p}': 'x', 'x${none%p}': 'x', 'x${none/p/r}': 'x' }),
  'required-and-missing': { text: 'FROM base\nENV v="${none:?has to be set}"', refused: /none: has to be set/ },
  'required-in-from': { text: 'ARG version\nFROM base:${version:?which}', refused: /version: which/ },
  'required-empty': { text: 'FROM base\nENV e=\nENV v=${e:?}', refused: /e: is not allowed to be (?:unset|empty)/ },
  'substitution-empty': { text: 'FROM base\nENV v=${}', refused: /bad substitution/ },
  'substitution-open': { text: 'FROM base\nENV v=${a', refused: /missing '}'|missing ':'/ },
  'modifier-unknown': { text: 'FROM base\nENV a=1\nENV v=${a:x}', refused: /unsupported modifier \(:?x\)/ },
  'quote-open': {
    text: 'FROM base\nENV a=1\nWORKDIR "/x',
    refused: /unexpected end of statement while looking for matching double-quote/,
  },
}
