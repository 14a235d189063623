import { GantryError, isGantryError } from '../lib/errors.ts'

/**
 * An error of crun or runc in docker's words, which scripts look for. `command` is the container's first word; `text` what the
 * runtime wrote.
 */
export const runtimeError = (action: string, text: string, command: string): GantryError => {
  const lines = text.split('\n').map(unwrap)
  const exec = execError(lines.join('\n'), command)
  if (exec !== undefined)
    return new GantryError('failed_precondition', exec.code, `Cannot ${action}: ${exec.reason}: unknown`, { detail: text })
  const reason = lines.findLast((line) => line !== '') ?? 'the runtime ended without saying why'
  return new GantryError('failed_precondition', 'RUNTIME_FAILED', `Cannot ${action}: ${reason}`, { detail: text })
}

interface ExecError {
  readonly code: 'EXEC_NOT_FOUND' | 'EXEC_NOT_EXECUTABLE'
  readonly reason: string
}

const execError = (text: string, command: string): ExecError | undefined => {
  const quoted = JSON.stringify(command)
  const missing = command.includes('/') ? `stat ${command}: no such file or directory` : 'executable file not found in $PATH'
  if (
    /executable file `.*` not found in \$PATH/s.test(text) ||
    /exec: ".*": (?:executable file not found|stat .*: no such file)/s.test(text)
  )
    return { code: 'EXEC_NOT_FOUND', reason: `exec: ${quoted}: ${missing}` }
  // crun says EPERM for a folder
  if (
    /open executable: (?:Permission denied|Operation not permitted|Is a directory)/.test(text) ||
    /exec: ".*": (?:permission denied|is a directory)/s.test(text)
  )
    return command === ''
      ? { code: 'EXEC_NOT_FOUND', reason: `exec: ${quoted}: executable file not found in $PATH` }
      : { code: 'EXEC_NOT_EXECUTABLE', reason: `exec: ${quoted}: permission denied` }
  return undefined
}

/** The message of a line that crun or runc (in logrus' format) wrote. */
const unwrap = (line: string): string => {
  const message = /^time="[^"]*" level=\w+ msg="((?:[^"\\]|\\.)*)"/.exec(line)?.[1]?.replaceAll(/\\(["\\])/g, '$1') ?? line
  return message
    .replace(/^\d{4}-\d\d-\d\dT[\d:.]+Z: /, '')
    .replace(/^runc \w+ failed: /, '')
    .trim()
}

/** The exit status of `run` and `exec` for an error: 127 not found, 126 not executable, 125 for gantry's own failures. */
export const exitStatusOf = (error: unknown): 125 | 126 | 127 => {
  if (!isGantryError(error)) return 125
  return error.code === 'EXEC_NOT_FOUND' ? 127 : error.code === 'EXEC_NOT_EXECUTABLE' ? 126 : 125
}
