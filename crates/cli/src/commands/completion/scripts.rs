//! What shells are told: to ask `barque __complete` for the word at the cursor.

/// The script for a shell.
pub(super) fn of(shell: &str) -> Option<&'static str> {
    match shell {
        "bash" => Some(BASH),
        "zsh" => Some(ZSH),
        "fish" => Some(FISH),
        _ => None,
    }
}

// Bash takes a line apart at colons and equal signs as well (COMP_WORDBREAKS): the words are made from the line itself, and
// what bash has already of the last one is taken off the proposals.
const BASH: &str = r#"# bash completion for barque: source <(barque completion bash)
_barque() {
    local line proposal have words=()
    read -ra words <<< "${COMP_LINE:0:COMP_POINT}"
    [[ ${COMP_LINE:0:COMP_POINT} == *[[:space:]] ]] && words+=("")
    have=${words[-1]}
    case $have in
        *[:=]*) have=${have%"${have##*[:=]}"} ;;
        *) have= ;;
    esac
    COMPREPLY=()
    while IFS= read -r line; do
        if [[ $line == :files ]]; then
            compopt -o default 2> /dev/null
            continue
        fi
        proposal=${line%%$'\t'*}
        [[ $proposal == *[:=] ]] && compopt -o nospace 2> /dev/null
        COMPREPLY+=("${proposal#"$have"}")
    done < <("${words[0]}" __complete "${words[@]:1}" 2> /dev/null)
}
complete -F _barque barque
"#;

const ZSH: &str = r#"#compdef barque
# zsh completion for barque: source <(barque completion zsh), or a file _barque in a directory of $fpath
_barque() {
    local line files
    local -a described
    for line in "${(@f)$("${words[1]}" __complete "${(@)words[2,CURRENT]}" 2> /dev/null)}"; do
        if [[ $line == :files ]]; then
            files=yes
        elif [[ -n $line ]]; then
            described+=("${${line%%$'\t'*}//:/\\:}:${line#*$'\t'}")
        fi
    done
    (( ${#described} )) && _describe barque described
    [[ -n $files ]] && _files
}
if [[ ${funcstack[1]} == _barque ]]; then _barque "$@"; else compdef _barque barque; fi
"#;

const FISH: &str = r#"# fish completion for barque: barque completion fish | source
function __barque_proposals
    set -l words (commandline -opc) (commandline -ct)
    for line in ($words[1] __complete $words[2..-1] 2> /dev/null)
        if test "$line" = :files
            __fish_complete_path (commandline -ct)
        else
            echo $line
        end
    end
end
complete -c barque -f -a '(__barque_proposals)'
"#;
