import { onBase, type CorpusRows } from '../row.ts'

const files = { 'lib/f': 'of lib', 'lib/d/g': 'g', 'lib/.dockerignore': 'd', f: 'of context' } as const
const time = '@2021-06-01T00:00:00'
const head = [
  'linux/amd64',
  'config.Env ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]',
  'config.WorkingDir "/"',
]

/** Named contexts: they go before stages and images (92). */
export const contexts: CorpusRows = {
  'context-folder': {
    text: 'FROM scratch\nCOPY --from=lib f /f\nCOPY f /g',
    files,
    contexts: { lib: './lib' },
    written: [
      ...head,
      'history + COPY f /f # buildkit',
      'history + COPY f /g # buildkit',
      'layer',
      `  f file 644 0:0 "of lib" ${time}`,
      'layer',
      `  g file 644 0:0 "of context" ${time}`,
    ],
  },
  'context-beats-stage': {
    text: 'FROM base AS lib\nRUN exit 1\nFROM scratch\nCOPY --from=lib f /f',
    files,
    contexts: { lib: './lib' },
    written: [...head, 'history + COPY f /f # buildkit', 'layer', `  f file 644 0:0 "of lib" ${time}`],
  },
  'context-beats-image': {
    text: 'FROM scratch\nCOPY --from=base f /f',
    files,
    contexts: { base: './lib' },
    written: [...head, 'history + COPY f /f # buildkit', 'layer', `  f file 644 0:0 "of lib" ${time}`],
  },
  'context-image': {
    text: 'FROM none.test/app:1\nCOPY f /g',
    files,
    contexts: { 'none.test/app:1': 'docker-image://base' },
    written: onBase(['history + COPY f /g # buildkit', 'layer', `  g file 644 0:0 "of context" ${time}`]),
  },
  'context-mounted': {
    text: 'FROM base\nRUN --mount=from=lib,target=/v cp /v/f /out',
    files,
    contexts: { lib: './lib' },
    written: onBase(['history + RUN /bin/sh -c cp /v/f /out # buildkit', 'layer', '  out file 644 0:0 "of lib"']),
  },
}
