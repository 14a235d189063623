import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { displayWidth } from './display-width.ts'
import { formatRows } from './format.ts'
import { alignColumns, renderTable } from './table.ts'

describe('renderTable()', () => {
  test('lays out as docker does', () => {
    const rows = [
      ['REPOSITORY', 'TAG', 'IMAGE ID', 'CREATED', 'SIZE'],
      ['busybox', 'latest', 'a416a98b71e2', '4 weeks ago', '4.26MB'],
      ['localhost:5000/team/application', '1', '0123456789ab', 'N/A', '0B'],
    ]
    assert.equal(
      renderTable(rows),
      `REPOSITORY                        TAG       IMAGE ID       CREATED       SIZE
busybox                           latest    a416a98b71e2   4 weeks ago   4.26MB
localhost:5000/team/application   1         0123456789ab   N/A           0B
`,
    )
  })

  test('keeps each row on its line, whatever is in the cells', () => {
    assert.equal(
      renderTable([
        ['A', 'B'],
        ['x\ty\n', '\u001b[2J'],
      ]),
      'A         B\nx y        [2J\n',
    )
  })

  test('counts wide characters for two', () => {
    assert.equal(
      renderTable([
        ['NAME', 'X'],
        ['日本語日本語', 'y'],
      ]),
      'NAME           X\n日本語日本語   y\n',
    )
  })
})

describe('alignColumns()', () => {
  test('begins new columns after a line without them', () => {
    assert.equal(alignColumns('aaaaaaaaaaaa\tb\nc\nd\te\n'), 'aaaaaaaaaaaa   b\nc\nd         e\n')
  })

  test('pads before an empty last cell and not after it', () => {
    assert.equal(alignColumns('a\t\nb\tc\n'), 'a         \nb         c\n')
  })

  test('gives all cells of a column of full rows one width', () => {
    const cell = fc.stringMatching(/^[a-z]{0,15}$/)
    fc.assert(
      fc.property(fc.array(fc.tuple(cell, cell, cell), { minLength: 1 }), (rows) => {
        const lines = alignColumns(rows.map((row) => row.join('\t')).join('\n')).split('\n')
        const widths = [0, 1].map((column) => Math.max(10, ...rows.map((row) => displayWidth(row[column]!) + 3)))
        for (const [index, line] of lines.entries())
          assert.equal(line, rows[index]![0].padEnd(widths[0]!) + rows[index]![1].padEnd(widths[1]!) + rows[index]![2])
      }),
      { seed: 33 },
    )
  })
})

const rows = [
  { ID: 'a1', Name: 'x', Size: '1MB' },
  { ID: 'b22222222222222', Name: 'yy', Size: '2GB' },
]
const headings = { ID: 'IMAGE ID', Name: 'NAME', Size: 'SIZE' }

describe('formatRows()', () => {
  test('prints one object a line for json, fields by name', () => {
    const shuffled = rows.map(({ ID, Name, Size }) => ({ Size, ID, Name }))
    const lines = '{"ID":"a1","Name":"x","Size":"1MB"}\n{"ID":"b22222222222222","Name":"yy","Size":"2GB"}\n'
    assert.equal(formatRows('json', shuffled, headings), lines)
    assert.equal(formatRows('{{json .}}', shuffled, headings), lines)
  })

  test('prints columns under headings for table', () => {
    assert.equal(
      formatRows(String.raw`table {{.ID}}\t{{upper .Name}}`, rows, headings),
      'IMAGE ID          NAME\na1                X\nb22222222222222   YY\n',
    )
    assert.equal(formatRows('table', rows, headings), formatRows('table {{.ID}}\t{{.Name}}\t{{.Size}}', rows, headings))
    assert.equal(formatRows('table {{.Name}}', [], headings), 'NAME\n')
  })

  test('prints a line for each row else', () => {
    assert.equal(formatRows(String.raw`{{.ID}}\t{{.Size}}`, rows, headings), 'a1\t1MB\nb22222222222222\t2GB\n')
    assert.equal(formatRows('  {{.Name}}: x ', rows, headings), 'x: x\nyy: x\n')
    assert.equal(formatRows('', rows, headings), '\n\n')
  })

  test('refuses a field that rows do not have, and says which they have', () => {
    assert.throws(() => formatRows('{{.Nope}}', rows, headings), {
      code: 'TEMPLATE_INVALID',
      hint: 'the fields are .ID .Name .Size',
    })
  })

  const docker = spawnSync('docker', ['context', 'ls', '--format', 'json'], { encoding: 'utf8' })
  test('prints what docker prints', { skip: docker.error === undefined ? false : 'needs the docker command line client' }, () => {
    const contexts = docker.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>)
    const names = { Name: 'NAME', Description: 'DESCRIPTION', DockerEndpoint: 'DOCKER ENDPOINT', Error: 'ERROR' }
    const formats = [
      'json',
      '{{.Name}}',
      String.raw`x\t{{.Name}}\n--`,
      String.raw`table {{.Name}}\t{{upper .DockerEndpoint}}\t{{.Current}}`,
      'table {{.Name}}',
      '{{json .}}',
    ]
    for (const format of formats) {
      const expected = spawnSync('docker', ['context', 'ls', '--format', format], { encoding: 'utf8' }).stdout
      assert.equal(formatRows(format, contexts, names), expected, format)
    }
  })
})
