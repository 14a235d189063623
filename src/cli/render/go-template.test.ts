import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { GantryError } from '../../lib/errors.ts'
import { parseTemplate } from './go-template.ts'

/** What `docker context inspect default` shows without a daemon. */
const context = {
  Name: 'default',
  Metadata: {},
  Endpoints: { docker: { Host: 'unix:///var/run/docker.sock', SkipTLSVerify: false } },
  TLSMaterial: {},
  Storage: { MetadataPath: '<IN MEMORY>', TLSPath: '<IN MEMORY>' },
}

/** Template, what docker 28.2 prints for the object above. */
const printed: readonly (readonly [template: string, text: string])[] = [
  ['{{.Name}}', 'default'],
  ['{{.Endpoints.docker.Host}}', 'unix:///var/run/docker.sock'],
  ['{{.Endpoints.nope}}', '<no value>'],
  ['{{.Endpoints.nope.x}}', '<no value>'],
  [
    '{{json .}}',
    '{"Name":"default","Metadata":{},"Endpoints":{"docker":{"Host":"unix:///var/run/docker.sock","SkipTLSVerify":false}},"TLSMaterial":{},"Storage":{"MetadataPath":"<IN MEMORY>","TLSPath":"<IN MEMORY>"}}',
  ],
  ['{{json .Storage}}', '{"MetadataPath":"<IN MEMORY>","TLSPath":"<IN MEMORY>"}'],
  ['{{json .Name}}', '"default"'],
  ['{{json "<a>&"}}', '"<a>&"'],
  ['{{(index .Endpoints "docker").Host}}', 'unix:///var/run/docker.sock'],
  ['{{index .Endpoints "zz"}}', '<no value>'],
  ['{{index .Name 0}}', '100'],
  ['{{len .Name}}', '7'],
  ['{{len .Endpoints}}', '1'],
  ['{{upper .Name}}', 'DEFAULT'],
  ['{{.Name | upper | title}}', 'DEFAULT'],
  ['{{title "hello wörld-foo bar_baz 1a"}}', 'Hello Wörld-Foo Bar_baz 1a'],
  ['{{pad "x" 1 2}}|', ' x  |'],
  ['{{pad "" 1 2}}|', '|'],
  ['{{truncate "hello" 2}}', 'he'],
  ['{{truncate "he" 5}}', 'he'],
  ['{{split "a:b:c" ":"}}', '[a b c]'],
  ['{{join (split "a:b:c" ":") "/"}}', 'a/b/c'],
  ['{{join nil "/"}}', ''],
  ['{{split "abc" ""}}', '[a b c]'],
  ['{{split "" ":"}}', '[]'],
  ['{{printf "%s-%d-%v-%q" "a" 5 true "q\\"x"}}', 'a-5-true-"q\\"x"'],
  [
    '{{printf "%5s|%-5s|%05d|%+d|%x|%X|%o|%b|%c|%U|%t" "a" "b" 42 42 255 255 8 5 65 65 true}}',
    '    a|b    |00042|+42|ff|FF|10|101|A|U+0041|true',
  ],
  ['{{printf "%d" "x"}}', '%!d(string=x)'],
  ['{{printf "%s" 5}}', '%!s(int=5)'],
  ['{{printf "%s"}}', '%!s(MISSING)'],
  ['{{printf "%s" "a" "b"}}', 'a%!(EXTRA string=b)'],
  ['{{printf "%!" }}', '%!!(MISSING)'],
  ['{{printf "%"}}', '%!(NOVERB)'],
  ['{{printf "%z" 1}}', '%!z(int=1)'],
  ['{{printf "%v %v" nil 1}}', '<nil> 1'],
  ['{{printf "%6.2f|%e|%g|%.3g" 3.14159 12345.678 0.00001 1234567.0}}', '  3.14|1.234568e+04|1e-05|1.23e+06'],
  ['{{printf "%*d" 5 42}}', '   42'],
  ['{{printf "%#x %#o %#q" 255 8 "a"}}', '0xff 010 `a`'],
  ['{{printf "%x %X" "hello" "hi"}}', '68656c6c6f 6869'],
  ['{{printf "% d|%  5d" 5 5}}', ' 5|    5'],
  ['{{printf "%T %T %T %T" 1 1.5 "a" true}}', 'int float64 string bool'],
  ['{{printf "%.2s|%.10s" "hello" "hi"}}', 'he|hi'],
  ['{{printf "%q" 65}}', "'A'"],
  ['{{printf "%v" (split "a b" " ")}}', '[a b]'],
  ['{{printf "%q" (split "a b" " ")}}', '["a" "b"]'],
  ['{{print 1 2 "a" "b" 3 4}}', '1 2ab3 4'],
  ['{{print "a" 1 2 "b"}}', 'a1 2b'],
  ['{{println "a" 1 2 "b"}}', 'a 1 2 b\n'],
  ['{{print nil}}', '<nil>'],
  ['{{html "<a href=\'x\'>&\\""}}', '&lt;a href=&#39;x&#39;&gt;&amp;&#34;'],
  ['{{js "it\'s \\"x\\" <b> & = \\n"}}', 'it\\\'s \\"x\\" \\u003Cb\\u003E \\u0026 \\u003D \\u000A'],
  ['{{urlquery "a b&c=d/é~*"}}', 'a+b%26c%3Dd%2F%C3%A9~%2A'],
  ['{{eq 1 1}}{{eq 1 2}}{{eq "a" "b" "a"}}{{ne 1 2}}', 'truefalsetruetrue'],
  ['{{eq nil nil}}', 'true'],
  ['{{lt 1 2}}{{le 2 2}}{{gt 1 2}}{{ge 2 2}}{{lt "a" "b"}}', 'truetruefalsetruetrue'],
  ['{{and 1 0 2}} {{and 1 2}} {{or 0 "" "x"}} {{or 0 ""}}| {{not 0}} {{not "a"}}', '0 2 x | true false'],
  ['{{slice "hello" 1 3}} {{slice "hello" 2}} {{slice "hello"}}', 'el llo hello'],
  ['{{slice (split "a:b:c" ":") 1}}', '[b c]'],
  ['{{if .Name}}a{{else}}b{{end}}', 'a'],
  ['{{if eq .Name "x"}}a{{else if eq .Name "default"}}c{{else}}d{{end}}', 'c'],
  ['{{with .Storage}}{{.TLSPath}}{{end}}', '<IN MEMORY>'],
  ['{{with $x := .Name}}{{$x}}{{.}}{{end}}', 'defaultdefault'],
  ['{{range split "a:b:c" ":"}}[{{.}}]{{end}}', '[a][b][c]'],
  ['{{range $i, $e := split "a:b:c" ":"}}{{$i}}{{$e}}{{end}}', '0a1b2c'],
  ['{{range $e := split "a:b:c" ":"}}{{$e}}{{end}}', 'abc'],
  ['{{range split "a:b:c" ":"}}{{if eq . "b"}}{{continue}}{{end}}{{.}}{{end}}', 'ac'],
  ['{{range split "a:b:c" ":"}}{{if eq . "b"}}{{break}}{{end}}{{.}}{{end}}', 'a'],
  ['{{range 3}}{{.}}{{end}}', '012'],
  ['{{range $i := 3}}{{$i}}{{end}}', '012'],
  ['{{range 0}}x{{else}}none{{end}}', 'none'],
  ['{{$x := 1}}{{$x = 2}}{{$x}}', '2'],
  ['{{$x := 1}}{{if true}}{{$x = 2}}{{end}}{{$x}}', '2'],
  ['{{$x := 1}}{{if true}}{{$x := 2}}{{end}}{{$x}}', '1'],
  ['{{$.Name}}', 'default'],
  ['{{/* c */}}a', 'a'],
  ['{{- /* c */ -}}  a', 'a'],
  ['a  {{- "b" -}}   c', 'abc'],
  ['{{- 3}}{{-3}}', '3-3'],
  ['{{3 -}}  x', '3x'],
  ['{{.Name | }}', 'default'],
  ['{{1 | print}}', '1'],
  ["{{'\\''}}", '39'],
  ['{{"\\x41\\u00e9\\101\\t"}}|', 'AéA\t|'],
  ['{{`raw\\\\n"x`}}', 'raw\\\\n"x'],
  ['{{(1)}} {{(((2)))}}', '1 2'],
  [
    '{{0x1F}} {{1_000}} {{0b11}} {{0o17}} {{017}} {{1e3}} {{.5}} {{5.}} {{1.0}} {{+5}} {{-5}}',
    '31 1000 3 15 15 1000 0.5 5 1 5 -5',
  ],
  ['{{1.5}} {{2.50}}', '1.5 2.5'],
  ['{{with 0}}a{{else with 1}}b{{.}}{{end}}', 'b1'],
  ['{{print .Name}}', 'default'],
  ['{{json nil}}', 'null'],
  ['{{json (split "a" ":")}}', '["a"]'],
  ['{{lower "ÀÉ"}} {{upper "straße"}}', 'àé STRAßE'],
  ['{{len "é"}}', '2'],
  ['{{index (split "a:b" ":") 1}} ', 'b '],
  ['{{.Name | printf "%s %s" "a"}}', 'a default'],
  ['{{printf "%[2]s %[1]s" "a" "b"}}', 'b a'],
  ['\\t{{.Name}}\\n', '\\tdefault\\n'],
  ['{{print "a" | printf "%q" | printf "%s%s" "x"}}', 'x"a"'],
  ['{{if or (eq .Name "a") (eq .Name "default")}}yes{{end}}', 'yes'],
  ['{{.Name | len | printf "%03d"}}', '007'],
  ['}}', '}}'],
  ['b"}}', 'b"}}'],
  ['{{printf "%c" 128512}}', '😀'],
  ['{{printf "%08.3f" 3.14159}} {{printf "%+.2e" 1234.5}}', '0003.142 +1.23e+03'],
  ['{{printf "%-8d|" 5}} {{printf "%08d" -5}} {{printf "%x" -255}}', '5       | -0000005 -ff'],
  ['{{printf "%t" 1}} {{printf "%5t|" true}}', '%!t(int=1)  true|'],
  ['{{printf "%v" "a"}} {{printf "%+v" "a"}} {{printf "%#v" "a"}} {{printf "%#v" 5}}', 'a a "a" 5'],
  ['{{printf "%5v|%-5v|" "é" "é"}}', '    é|é    |'],
  ['{{printf "%3c|" 65}}', '  A|'],
  ['{{printf "%q" "é\\n\\u200b\\u00a0"}}', '"é\\n\\u200b\\u00a0"'],
  ['{{eq 1.5 1.5}}', 'true'],
  ['{{eq true true}}', 'true'],
  ['{{eq .Name nil}}', 'false'],
]

/** Template, docker's error after `template parsing error: template: `. */
const refused: readonly (readonly [template: string, error: string])[] = [
  ['{{.Name.Foo}}', ':1:7: executing "" at <.Name.Foo>: can\'t evaluate field Foo in type string'],
  ['{{index .Name 100}}', ':1:2: executing "" at <index .Name 100>: error calling index: index out of range: 100'],
  [
    '{{index .Name "x"}}',
    ':1:2: executing "" at <index .Name "x">: error calling index: cannot index slice/array with type string',
  ],
  ['{{index 1 2}}', ':1:2: executing "" at <index 1 2>: error calling index: can\'t index item of type int'],
  ['{{len 3}}', ':1:2: executing "" at <len 3>: error calling len: len of type int'],
  ['{{upper 5}}', ':1:8: executing "" at <5>: expected string; found 5'],
  ['{{truncate "he" "x"}}', ':1:16: executing "" at <"x">: expected integer; found "x"'],
  ['{{eq 1 "a"}}', ':1:2: executing "" at <eq 1 "a">: error calling eq: incompatible types for comparison'],
  ['{{eq 1}}', ':1:2: executing "" at <eq 1>: error calling eq: missing argument for comparison'],
  ['{{eq}}', ':1:2: executing "" at <eq>: wrong number of args for eq: want at least 1 got 0'],
  ['{{lt 1 "a"}}', ':1:2: executing "" at <lt 1 "a">: error calling lt: incompatible types for comparison'],
  ['{{lt true false}}', ':1:2: executing "" at <lt true false>: error calling lt: invalid type for comparison'],
  ['{{lt .Endpoints 1}}', ':1:2: executing "" at <lt .Endpoints 1>: error calling lt: invalid type for comparison'],
  ['{{and}}', ':1:2: executing "" at <and>: wrong number of args for and: want at least 1 got 0'],
  ['{{or}}', ':1:2: executing "" at <or>: wrong number of args for or: want at least 1 got 0'],
  ['{{not}}', ':1:2: executing "" at <not>: wrong number of args for not: want 1 got 0'],
  ['{{not 1 2}}', ':1:2: executing "" at <not>: wrong number of args for not: want 1 got 2'],
  ['{{upper}}', ':1:2: executing "" at <upper>: wrong number of args for upper: want 1 got 0'],
  ['{{upper "a" "b"}}', ':1:2: executing "" at <upper>: wrong number of args for upper: want 1 got 2'],
  ['{{slice "hello" 9}}', ':1:2: executing "" at <slice "hello" 9>: error calling slice: index out of range: 9'],
  ['{{slice "hello" 3 1}}', ':1:2: executing "" at <slice "hello" 3 1>: error calling slice: invalid slice index: 3 > 1'],
  ['{{slice 1 2}}', ':1:2: executing "" at <slice 1 2>: error calling slice: can\'t slice item of type int'],
  ['{{range .Name}}x{{end}}', ':1:8: executing "" at <.Name>: range can\'t iterate over default'],
  ['{{range true}}x{{end}}', ':1:8: executing "" at <true>: range can\'t iterate over true'],
  ['{{range nil}}x{{end}}', ':1:8: executing "" at <nil>: nil is not a command'],
  ['{{range $x, $y, $z := .A}}{{end}}', ':1: too many declarations in range'],
  ['{{range $x, 1 := .A}}{{end}}', ':1: range can only initialize variables'],
  ['{{$x, $y := 1}}', ':1: too many declarations in command'],
  ['{{$x}}', ':1: undefined variable "$x"'],
  ['{{foo}}', ':1: function "foo" not defined'],
  ['{{', ':1: unclosed action'],
  ['{{}}', ':1: missing value for command'],
  ['{{ }}', ':1: missing value for command'],
  ['{{/* c}}', ':1: unclosed comment'],
  ['{{/* c */ }}', ':1: comment ends before closing delimiter'],
  ['{{-"b"}}', ':1: illegal number syntax: "-"'],
  ['{{if}}x{{end}}', ':1: missing value for if'],
  ['{{if .Name}}', ':1: unexpected EOF'],
  ['{{end}}', ':1: unexpected {{end}}'],
  ['{{else}}', ':1: unexpected {{else}}'],
  ['{{if .Name}}a{{else}}b{{else}}c{{end}}', ':1: expected end; found {{else}}'],
  ['{{range .X}}{{else if .Y}}{{end}}', ':1: unexpected <if> in input'],
  ['{{| .Name}}', ':1: unexpected "|" in command'],
  ['{{.Name | .Storage}}', ':1:10: executing "" at <.Storage>: Storage has arguments but cannot be invoked as function'],
  ['{{.Name | 1}}', ':1: non executable command in pipeline stage 2'],
  ['{{.Name | "x"}}', ':1: non executable command in pipeline stage 2'],
  ['{{"abc}}', ':1: unterminated quoted string'],
  ["{{'a'}} {{'\\n'}} {{'ab'}}", ":1: malformed character constant: 'ab'"],
  ['{{"\\q"}}', ':1: invalid syntax'],
  ["{{''}}", ':1: invalid syntax'],
  ["{{'a}}", ':1: unterminated character constant'],
  ['{{(}}', ':1: unclosed left paren'],
  ['{{)}}', ':1: unexpected right paren'],
  ['{{( ) }}', ':1: missing value for parenthesized pipeline'],
  ['{{(.Name}}', ':1: unclosed left paren'],
  ['{{.Name)}}', ':1: unexpected right paren'],
  ['{{.Name}', ":1: bad character U+007D '}'"],
  ['{{{.Name}}', ':1: unexpected "{" in command'],
  ['{{#}}', ':1: unexpected "#" in command'],
  ['{{.Name #}}', ':1: unexpected "#" in operand'],
  ['{{?}}', ':1: unexpected "?" in command'],
  ['{{.Name ? "a"}}', ':1: unexpected "?" in operand'],
  ['{{€}}', ":1: unrecognized character in action: U+20AC '€'"],
  ['{{1x}}', ':1: bad number syntax: "1x"'],
  ['{{0x}}', ':1: illegal number syntax: "0x"'],
  ['{{1__0}}', ':1: illegal number syntax: "1__0"'],
  ['{{089}}', ':1: integer overflow: "089"'],
  ['{{99999999999999999999}}', ':1: integer overflow: "99999999999999999999"'],
  ['{{1e400}}', ':1: illegal number syntax: "1e400"'],
  ['{{true}} {{false}} {{nil}}', ':1:21: executing "" at <nil>: nil is not a command'],
  ['{{true.Foo}}', ':1: unexpected . after term "true"'],
  ['{{"a".Foo}}', ':1: unexpected . after term "\\"a\\""'],
  ['{{nil.Foo}}', ':1: unexpected . after term "nil"'],
  ['{{..Name}}', ':1: unexpected . after term "."'],
  ['{{.Name.}}', ':1: unexpected <.> in operand'],
  ['{{.Name .Storage}}', ':1:2: executing "" at <.Name>: Name has arguments but cannot be invoked as function'],
  ['{{"a" "b"}}', ':1:2: executing "" at <"a">: can\'t give argument to non-function "a"'],
  ['{{1 2}}', ':1:2: executing "" at <1>: can\'t give argument to non-function 1'],
  ['{{.Name "x"}}', ':1:2: executing "" at <.Name>: Name has arguments but cannot be invoked as function'],
  ['{{$ "x"}}', ':1:2: executing "" at <$>: can\'t give argument to non-function $'],
  ['{{:=}}', ':1: unexpected ":=" in command'],
  ['{{$x :}}', ':1: undefined variable "$x"'],
  ['{{$x := }}', ':1: missing value for command'],
  ['{{= 1}}', ':1: unexpected "=" in command'],
  ['{{,}}', ':1: unexpected "," in command'],
  ['{{break}}', ':1: {{break}} outside {{range}}'],
  ['{{continue}}', ':1: {{continue}} outside {{range}}'],
  ['{{range 1}}{{break x}}{{end}}', ':1: unexpected "x" in {{break}}'],
  ['{{if true}}{{else with}}x{{end}}', ':1: unexpected <with> in input'],
  ['{{with 0}}a{{else if 1}}b{{end}}', ':1: unexpected <if> in input'],
  ['{{end x}}', ':1: unexpected "x" in end'],
  ['{{if true}}{{end x}}', ':1: unexpected "x" in end'],
  ['{{else x}}', ':1: unexpected "x" in else'],
  ['{{if true}}a{{else x}}b{{end}}', ':1: unexpected "x" in else'],
  ['{{.Name$}}', ":1: bad character U+0024 '$'"],
  ['{{.Na-me}}', ":1: bad character U+002D '-'"],
  ['{{a.b}}', ':1: function "a" not defined'],
  ['{{json}}', ':1:2: executing "" at <json>: wrong number of args for json: want 1 got 0'],
  ['{{json 1 2}}', ':1:2: executing "" at <json>: wrong number of args for json: want 1 got 2'],
  ['{{nil | json}}', ':1:2: executing "" at <nil>: nil is not a command'],
  [
    '{{index (split "a:b" ":") 5}}',
    ':1:2: executing "" at <index (split "a:b" ":") 5>: error calling index: index out of range: 5',
  ],
  [
    '{{index (split "a:b" ":") -1}}',
    ':1:2: executing "" at <index (split "a:b" ":") -1>: error calling index: index out of range: -1',
  ],
  [
    '{{index (split "a:b" ":") "0"}}',
    ':1:2: executing "" at <index (split "a:b" ":") "0">: error calling index: cannot index slice/array with type string',
  ],
  [
    '{{index (split "a:b" ":") nil}}',
    ':1:2: executing "" at <index (split "a:b" ":") nil>: error calling index: cannot index slice/array with nil',
  ],
  ['{{index nil}}', ':1:2: executing "" at <index nil>: error calling index: index of untyped nil'],
  ['{{index}}', ':1:2: executing "" at <index>: wrong number of args for index: want at least 1 got 0'],
  ['{{call}}', ':1:2: executing "" at <call>: wrong number of args for call: want at least 1 got 0'],
  ['{{printf 5}}', ':1:9: executing "" at <5>: expected string; found 5'],
  ['{{printf}}', ':1:2: executing "" at <printf>: wrong number of args for printf: want at least 1 got 0'],
  ['{{ .Name', ':1: unclosed action'],
  ['{{ with', ':1: unclosed action'],
  ['{{"a', ':1: unterminated quoted string'],
  ['{{"\\ud800"}}', ':1: invalid syntax'],
]

describe('parseTemplate() prints what docker prints', () => {
  for (const [template, text] of printed) test(template, () => assert.equal(parseTemplate(template).execute(context), text))
})

describe('parseTemplate() says what docker says', () => {
  for (const [template, error] of refused)
    test(template, () =>
      assert.throws(() => parseTemplate(template).execute(context), {
        kind: 'invalid_argument',
        code: 'TEMPLATE_INVALID',
        message: `template parsing error: template: ${error}`,
      }),
    )
})

const run = (template: string, data: unknown): string => parseTemplate(template).execute(data)

describe('execute() on inspected objects', () => {
  const object = {
    Id: 'sha256:abc',
    Created: null,
    Size: 4_200_000_000,
    Ratio: 0.5,
    Config: { Labels: { b: '2', a: '1' }, Cmd: null, Env: ['A=1', 'B=2'], ExposedPorts: null, Entrypoint: ['/bin/sh', '-c'] },
    Mounts: [
      { Source: '/a', Destination: '/b' },
      { Source: '/c', Destination: '/d' },
    ],
    Ports: { '80/tcp': [{ HostPort: '8080' }] },
  }
  const cases: readonly (readonly [template: string, text: string])[] = [
    ['{{.Id}} {{.Size}} {{.Ratio}}', 'sha256:abc 4200000000 0.5'],
    ['{{.Created}}', '<no value>'],
    ['{{json .Created}}', 'null'],
    ['{{.Config.Labels}}', 'map[a:1 b:2]'],
    ['{{.Config.Labels.a}}{{.Config.Labels.none}}', '1<no value>'],
    ['{{index .Config.Labels "b"}}|{{index .Config.Labels "none"}}|', '2||'],
    ['{{range $k, $v := .Config.Labels}}{{$k}}={{$v}} {{end}}', 'a=1 b=2 '],
    ['{{.Config.Cmd}} {{len .Config.Cmd}} {{json .Config.Cmd}} {{.Config.ExposedPorts}}', '[] 0 null map[]'],
    ['{{json .Config.Env}} {{join .Config.Env ","}}', '["A=1","B=2"] A=1,B=2'],
    ['{{range .Mounts}}{{.Source}}:{{.Destination}} {{end}}', '/a:/b /c:/d '],
    ['{{(index .Mounts 1).Source}}', '/c'],
    ['{{(index (index .Ports "80/tcp") 0).HostPort}}', '8080'],
    ['{{range $p, $c := .Ports}}{{$p}} -> {{(index $c 0).HostPort}}{{end}}', '80/tcp -> 8080'],
    ['{{if .Config.Cmd}}yes{{else}}no{{end}}', 'no'],
    ['{{with .Config}}{{range .Env}}{{println .}}{{end}}{{end}}', 'A=1\nB=2\n'],
    ['{{join .Config.Labels "+"}}', '1+2'],
  ]
  for (const [template, text] of cases) test(template, () => assert.equal(run(template, object), text))

  test('names the fields there are when one is not', () => {
    assert.throws(
      () => run('{{.Config.Nope}}', object),
      (error) =>
        error instanceof GantryError &&
        /map has no entry for key "Nope"/.test(error.message) &&
        (error.hint ?? '').includes('.Mounts'),
    )
  })

  test('calls methods with arguments', () => {
    const row = { Label: (key: unknown) => `<${String(key)}>`, Name: 'n' }
    assert.equal(run('{{.Label "a"}} {{"b" | .Label}} {{.Name}}', row), '<a> <b> n')
  })

  test('sees own fields only', () => {
    assert.equal(
      run('{{.constructor}}{{.x.toString}}{{index .x "__proto__"}}', { x: { a: 1 } }),
      '<no value><no value><no value>',
    )
    assert.throws(() => run('{{constructor}}', {}), /function "constructor" not defined/)
  })
})

describe('parseTemplate()', () => {
  test('counts lines and columns in bytes', () => {
    assert.throws(
      () => run('a\nbé{{.X.Y}}', { X: 'x' }),
      /template: :2:7: executing "" at <\.X\.Y>: can't evaluate field Y in type string/,
    )
  })

  test('refuses nesting without end', () => {
    assert.throws(() => parseTemplate('{{if 1}}'.repeat(5000)), /max control structure depth exceeded/)
    assert.throws(() => parseTemplate(`{{${'('.repeat(5000)}1${')'.repeat(5000)}}}`), /max expression depth exceeded/)
    assert.equal(run('{{/* */}}'.repeat(5000), {}), '')
  })

  test('ends where a template would go on for too long', () => {
    assert.throws(() => run('{{range 9000000000}}{{range 9000000000}}{{end}}{{end}}', {}), /too many iterations/)
    assert.throws(() => run(`{{range 900000}}${'x'.repeat(1000)}{{end}}`, {}), /output too large/)
  })

  test('throws nothing but invalid_argument for any text', () => {
    const signs = [
      '{{',
      '}}',
      '{{-',
      '-}}',
      ' ',
      '.',
      '.a',
      '$',
      '$x',
      ':=',
      '=',
      '|',
      '(',
      ')',
      ',',
      '"',
      '`',
      "'",
      '\\',
      '1',
      '1.',
      '-',
      'é',
      '\n',
    ]
    const words = [
      'if',
      'else',
      'end',
      'range',
      'with',
      'break',
      'printf',
      'index',
      'len',
      'eq',
      'and',
      'nil',
      'true',
      '"%d%s"',
      '/*',
      '*/',
    ]
    const piece = fc.constantFrom(...signs, ...words)
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(piece, { maxLength: 20 }).map((parts) => parts.join('')),
        ),
        fc.jsonValue(),
        (text, data) => {
          try {
            run(text, data)
          } catch (error) {
            assert.ok(error instanceof GantryError && error.kind === 'invalid_argument', String(error))
          }
        },
      ),
      { seed: 20, numRuns: 5000 },
    )
  })

  test('prints text without actions as it is', () => {
    fc.assert(
      fc.property(
        fc.string().filter((text) => !text.includes('{{')),
        (text) => assert.equal(run(text, {}), text),
      ),
      { seed: 21 },
    )
  })

  test('quotes and unquotes as docker does', { skip: noDocker() }, () => {
    const texts = ['plain', 'tab\tquote"back\\', 'é\u00a0\u200b\u0007', '日本\u{1f600}']
    for (const text of texts) {
      const template = `{{printf "%q %x" ${JSON.stringify(text)} "z"}}`
      const docker = spawnSync('docker', ['context', 'inspect', 'default', '--format', template], { encoding: 'utf8' })
      assert.equal(run(template, {}), docker.stdout.replace(/\n$/, ''))
    }
  })
})

function noDocker(): string | false {
  return spawnSync('docker', ['--version']).error === undefined ? false : 'needs the docker command line client'
}
