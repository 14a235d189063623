import { onBase, type CorpusRows } from '../row.ts'

const files = { 'src/a': 'A', 'src/d/b': 'B', top: 'top' } as const

/** RUN --mount: what a step sees, and that nothing of it stays. */
export const mounts: CorpusRows = {
  'mount-bind': { text: 'FROM base\nRUN --mount=type=bind,source=src,target=/v cat /v/a /v/d/b > /out', files },
  'mount-bind-default-type': { text: 'FROM base\nRUN --mount=target=/v,source=src find /v | sort > /out', files },
  'mount-bind-file': { text: 'FROM base\nRUN --mount=type=bind,source=top,target=/etc/motd cat /etc/motd > /out', files },
  'mount-bind-whole-context': { text: 'FROM base\nRUN --mount=target=/v cat /v/top /v/src/a > /out', files },
  'mount-bind-read-only': {
    text: 'FROM base\nRUN --mount=target=/v,source=src touch /v/x 2> /dev/null || echo refused > /out',
    files,
  },
  'mount-bind-writable': {
    text: 'FROM base\nRUN --mount=target=/v,source=src,rw echo new > /v/x && cat /v/x /v/a > /out\nRUN ls /v > /after',
    files,
  },
  'mount-bind-stage': {
    text: 'FROM base AS s\nRUN mkdir /o && echo o > /o/f\nFROM base\nRUN --mount=from=s,source=/o,target=/v cat /v/f > /out',
  },
  'mount-bind-image': { text: 'FROM base\nRUN --mount=type=bind,from=configured,source=/etc,target=/v cat /v/motd > /out' },
  'mount-bind-variable': {
    text: 'FROM base\nARG t=/v\nENV d=src\nRUN --mount=source=$d,target=$t cat /v/a > /out',
    files,
    // docker 20.10 expands the target only
    written: onBase([
      'config.Env ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin","d=src"]',
      'history - ARG t=/v',
      'history - ENV d=src',
      'history + RUN |1 t=/v /bin/sh -c cat /v/a > /out # buildkit',
      'layer',
      '  out file 644 0:0 "A"',
    ]),
  },
  'mount-bind-relative-target': {
    text: 'FROM base\nWORKDIR /v\nRUN mkdir m\nRUN --mount=source=src,target=m cat m/a > /out',
    files,
  },
  'mount-point-made': {
    text: 'FROM base\nRUN --mount=source=src,target=/new/point cat /new/point/a > /out',
    files,
    // docker 20.10 leaves the mount point in the layer, BuildKit takes it away by now
    written: onBase(['history + RUN /bin/sh -c cat /new/point/a > /out # buildkit', 'layer', '  out file 644 0:0 "A"']),
  },
  'mount-cache': {
    text: 'FROM base\nRUN --mount=type=cache,target=/v echo cached > /v/f && ls /v > /one\nRUN --mount=type=cache,target=/v cat /v/f > /two\nRUN ls /v > /three',
  },
  'mount-cache-id': {
    text: 'FROM base\nRUN --mount=type=cache,id=one,target=/v echo 1 > /v/f\nRUN --mount=type=cache,id=one,target=/tmp cat /tmp/f > /out\nRUN --mount=type=cache,id=two,target=/v ls /v > /none',
  },
  'mount-cache-from-stage': {
    text: 'FROM base AS s\nRUN mkdir /o && echo seed > /o/f\nFROM base\nRUN --mount=type=cache,id=seeded,from=s,source=/o,target=/v cat /v/f > /out',
  },
  'mount-cache-owner': {
    text: 'FROM base\nRUN --mount=type=cache,id=own,uid=500,gid=77,mode=0750,target=/v stat -c "%u:%g %a" /v > /out',
  },
  'mount-cache-mode-default': { text: 'FROM base\nRUN --mount=type=cache,id=plain,target=/v stat -c "%u:%g %a" /v > /out' },
  'mount-tmpfs': { text: 'FROM base\nRUN --mount=type=tmpfs,target=/v echo x > /v/f && cat /v/f > /out\nRUN ls /v > /after' },
  'mount-several': {
    text: 'FROM base\nRUN --mount=type=tmpfs,target=/tmp --mount=source=src,target=/v cp /v/a /tmp/x && cat /tmp/x > /out',
    files,
  },
  'mount-secret-missing': { text: 'FROM base\nRUN --mount=type=secret,id=none ls /run/secrets > /out' },
  'mount-secret-required': {
    text: 'FROM base\nRUN --mount=type=secret,id=none,required true',
    refused: /none.*not found|secret.*none/i,
  },
  'mount-exec-form': { text: 'FROM base\nRUN --mount=source=src,target=/v ["cp", "/v/a", "/out"]', files },
  'mount-bind-missing-source': {
    text: 'FROM base\nRUN --mount=source=none,target=/v true',
    files,
    refused: /none.*not found|none: no such file/,
  },
  'mount-without-target': { text: 'FROM base\nRUN --mount=type=bind true', refused: /target|mount/i },
  'mount-unknown-type': { text: 'FROM base\nRUN --mount=type=nope,target=/v true', refused: /unsupported mount type "nope"/ },
  'mount-unknown-key': { text: 'FROM base\nRUN --mount=type=bind,nope=1,target=/v true', refused: /unexpected key 'nope'/ },
  'mount-bad-value': {
    text: 'FROM base\nRUN --mount=type=cache,target=/v,uid=x true',
    refused: /invalid value (?:x )?for uid|uid/,
  },
}
