import { onBase, type CorpusRows } from '../row.ts'

/** RUN: forms, user, folder, what of the file system changes. */
export const run: CorpusRows = {
  'run-exec-form': { text: 'FROM base\nRUN ["/bin/sh", "-c", "echo $0 $1 > /args", "zero", "one two"]', buildah: true },
  'run-exec-form-path': { text: 'FROM base\nRUN ["touch", "/by-path"]' },
  'run-exec-continued': { text: 'FROM base\nRUN ["sh", \\\n  "-c", \\\n  "echo x > /x"]' },
  'run-not-json': { text: 'FROM base\nRUN [ -d /etc ] && echo yes > /yes', buildah: true },
  'run-single-quotes': { text: 'FROM base\nCMD [\'a\', \'b\']\nENTRYPOINT ["a", "b",]' },
  'run-shell': { text: 'FROM base\nSHELL ["/bin/sh", "-e", "-c"]\nRUN echo $- > /flags' },
  'run-shell-odd': { text: 'FROM base\nSHELL ["/bin/echo", "-n"]\nRUN a b\nSHELL ["/bin/sh", "-c"]\nRUN echo c > /c' },
  'run-user': {
    text: 'FROM base\nUSER app\nRUN id -u > /tmp/id && id -g >> /tmp/id && echo $HOME >> /tmp/id\nUSER 12:34\nRUN id -u > /tmp/id2 && id -g >> /tmp/id2',
  },
  'run-user-group': {
    text: 'FROM base\nUSER app:staff\nRUN id -G > /tmp/id\nUSER app\nRUN id -G >> /tmp/id2\nUSER root:staff\nRUN id -G > /root3',
    buildah: true,
  },
  'run-user-later': {
    text: 'FROM base\nRUN echo "new:x:600:601::/n:/bin/sh" >> /etc/passwd\nUSER new\nRUN id -u > /tmp/id; id -g >> /tmp/id; echo $HOME >> /tmp/id',
  },
  'run-user-number-known': { text: 'FROM base\nUSER 500\nRUN id -g > /tmp/id; echo $HOME >> /tmp/id' },
  'run-changes': {
    text: `FROM base
RUN mkdir -p /d/e && echo 1 > /d/e/f && ln -s f /d/e/l && ln /d/e/f /d/e/h && mkfifo /d/p
RUN rm -r /d/e && mkdir /d/e && echo 2 > /d/e/n
RUN chmod 700 /tmp && chown 5:6 /etc/group && rm /etc/motd
RUN true`,
  },
  'run-nothing': { text: 'FROM base\nRUN true\nRUN :\nENV a=b', buildah: true },
  'run-mode-bits': {
    text: 'FROM base\nRUN touch /a /b /c && chmod 4711 /a && chmod 2070 /b && chmod 0 /c && mkdir /s && chmod 3777 /s',
  },
  'run-owner-changes': {
    text: 'FROM base\nRUN mkdir -p /o/p && touch /o/p/f && chown -R app:staff /o\nRUN chown -h 1:2 /o/p && ln -s f /o/l && chown -h 3:4 /o/l',
    buildah: true,
  },
  'run-touches-lower-folder': {
    text: 'FROM base\nRUN mkdir /d && chmod 701 /d && echo 1 > /d/a\nRUN echo 2 > /d/b',
  },
  'run-metadata-only': {
    text: 'FROM base\nRUN mkdir /m && echo content > /m/f\nRUN chmod 600 /m/f\nRUN chown 9 /m',
  },
  'run-appends-lower': {
    text: 'FROM base\nRUN echo one > /f && chown 5:6 /f && chmod 640 /f\nRUN echo two >> /f',
    buildah: true,
  },
  'run-renames': { text: 'FROM base\nRUN mkdir /r && echo x > /r/a\nRUN mv /r/a /r/b\nRUN mv /r /s' },
  'run-file-becomes-folder': { text: 'FROM base\nRUN echo f > /x\nRUN rm /x && mkdir /x && echo y > /x/y', buildah: true },
  'run-folder-becomes-file': {
    text: 'FROM base\nRUN mkdir -p /x/y && echo z > /x/y/z\nRUN rm -r /x && echo now > /x',
  },
  'run-folder-becomes-link': {
    text: 'FROM base\nRUN mkdir -p /x/y /t && echo z > /x/y/z\nRUN rm -r /x && ln -s t /x && touch /x/in',
  },
  'run-delete-and-again': { text: 'FROM base\nRUN echo 1 > /f\nRUN rm /f\nRUN echo 3 > /f\nRUN rm /f', buildah: true },
  'run-created-and-deleted': {
    text: 'FROM base\nRUN mkdir /t && touch /t/f && rm -r /t && touch /tmp/x && rm /tmp/x',
  },
  'run-links-lower-file': { text: 'FROM base\nRUN echo x > /one\nRUN ln /one /two\nRUN echo y >> /two', buildah: true },
  'run-symlinks': {
    text: 'FROM base\nRUN ln -s /etc/motd /abs && ln -s nowhere /dangling && ln -s . /self && ln -s ../../x /up && ln -s "a b" "/l k"',
  },
  'run-long-names': {
    text: `FROM base\nRUN mkdir -p /${'a'.repeat(120)}/${'b'.repeat(120)} && touch /${'a'.repeat(120)}/${'b'.repeat(120)}/${'c'.repeat(200)} && ln -s ${'d'.repeat(150)} /long`,
  },
  'run-odd-names': {
    text: 'FROM base\nRUN mkdir /o && cd /o && touch "a b" "t\ta" \'q"q\' "star*" -- "-dash" "ü" ".hidden" "back\\\\slash"',
    buildah: true,
  },
  'run-devices': { text: 'FROM base\nRUN mkdir /n && mknod /n/null c 1 3 && mknod /n/block b 7 0 && mkfifo -m 620 /n/fifo' },
  'run-empty-folders': { text: 'FROM base\nRUN mkdir -p /e/f/g/h && chmod 700 /e/f\nRUN rmdir /e/f/g/h' },
  'run-opaque-nested': {
    text: 'FROM base\nRUN mkdir -p /a/b/c && touch /a/1 /a/b/2 /a/b/c/3\nRUN rm -r /a/b && mkdir -p /a/b/c && touch /a/b/new',
    buildah: true,
  },
  'run-in-etc': { text: 'FROM base\nRUN echo more >> /etc/motd; echo "127.0.0.9 mine" > /etc/own' },
  'run-old-times': {
    text: 'FROM base\nRUN mkdir /t && touch -d "2001-02-03 04:05:06" /t/f && touch -d "2002-02-02 02:02:02" /t',
  },
  'run-big-file': { text: 'FROM base\nRUN dd if=/dev/zero of=/zeros bs=65536 count=17 2> /dev/null' },
  'run-sparse': { text: 'FROM base\nRUN dd if=/dev/zero of=/sparse bs=1 count=1 seek=99999 2> /dev/null', buildah: true },
  'run-umask': { text: 'FROM base\nRUN umask > /mask; touch /f; mkdir /d' },
  'run-home-of-root': { text: 'FROM base\nRUN echo $HOME > /home-is; cd; pwd >> /home-is', buildah: true },
  'run-in-folder': { text: 'FROM base\nWORKDIR /w/x\nRUN pwd > where; echo up > ../up' },
  'run-network-none': {
    text: 'FROM base\nRUN --network=none cat /proc/net/route | wc -l > /routes',
    written: onBase([
      'history + RUN /bin/sh -c cat /proc/net/route | wc -l > /routes # buildkit',
      'layer',
      '  routes file 644 0:0 "1\\n"',
    ]),
  },
  'run-volume': { text: 'FROM base\nVOLUME /v\nRUN echo kept > /v/f\nRUN cat /v/f > /copy' },
  'run-fails': { text: 'FROM base\nRUN exit 3', refused: /exit code: 3$/ },
  'run-fails-signal': { text: 'FROM base\nRUN sh -c "kill -9 \\$\\$"; exit $?', refused: /exit code: 137$/ },
  'run-missing-program': { text: 'FROM base\nRUN ["/none"]', refused: /\/none/ },
  'run-missing-user': { text: 'FROM base\nUSER ghost\nRUN true', refused: /unable to find user ghost/ },
  'run-without-command': { text: 'FROM base\nRUN' },
  'run-json-number': {
    text: 'FROM base\nRUN ["echo", 1]',
    refused: /when using JSON array syntax, arrays must be comprised of strings only/,
  },
}
