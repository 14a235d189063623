import { GantryError } from '../../lib/errors.ts'
import { defineCommand } from '../command.ts'

/** Bash cuts words at colons, which names of images have: the words are cut here, and of candidates only what follows the last colon is given. */
const bash = `_gantry() {
  local line=\${COMP_LINE:0:COMP_POINT} candidate
  local -a words
  read -ra words <<< "$line"
  [[ $line == *[[:space:]] ]] && words+=('')
  local current=\${words[-1]} cut=
  [[ $COMP_WORDBREAKS == *:* ]] && cut=\${current%"\${current##*:}"}
  [[ $COMP_WORDBREAKS == *=* && $current == --*=* ]] && cut=\${current%"\${current##*[=:]}"}
  COMPREPLY=()
  while IFS= read -r candidate; do
    if [[ $candidate == :files ]]; then compopt -o default; continue; fi
    candidate=\${candidate%%$'\\t'*}
    COMPREPLY+=("\${candidate#"$cut"}")
  done < <("\${words[0]}" __complete -- "\${words[@]:1}" 2>/dev/null)
}
complete -F _gantry gantry
`

const zsh = `#compdef gantry
_gantry() {
  local -a lines texts shown
  local line
  lines=("\${(@f)$("\${words[1]}" __complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  for line in $lines; do
    if [[ $line == :files ]]; then
      _files
    else
      texts+=("\${line%%$'\\t'*}")
      shown+=("\${line/$'\\t'/  -- }")
    fi
  done
  (( \${#texts} )) && compadd -l -d shown -- $texts
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then _gantry "$@"; else compdef _gantry gantry; fi
`

const fish = `function __gantry_complete
    set -l before (commandline -opc)
    set -l current (commandline -ct)
    for line in ($before[1] __complete -- $before[2..-1] "$current" 2>/dev/null)
        if test "$line" = ':files'
            __fish_complete_path "$current"
        else
            echo $line
        end
    end
end
complete -c gantry -f -a '(__gantry_complete)'
`

const scripts: Readonly<Record<string, string>> = { bash, zsh, fish }

export const command = defineCommand({
  usage: 'completion bash|zsh|fish',
  summary: 'Print a script that completes commands, flags and names of images and containers in a shell',
  flags: {},
  arity: [1, 1],
  examples: [
    'source <(gantry completion bash)    # now; for all shells: > /etc/bash_completion.d/gantry',
    'gantry completion zsh > "${fpath[1]}/_gantry"',
    'gantry completion fish > ~/.config/fish/completions/gantry.fish',
  ],
  async run(context, [shell = '']) {
    const script = Object.hasOwn(scripts, shell) ? scripts[shell] : undefined
    if (script === undefined)
      throw new GantryError('invalid_argument', 'USAGE', `Cannot complete for the shell "${shell}": it is not known`, {
        hint: 'bash, zsh and fish are',
      })
    context.write(script)
  },
})
