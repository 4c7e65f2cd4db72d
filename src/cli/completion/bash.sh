# bash completion for coracle: asks coracle itself what may stand where the cursor is.

_coracle() {
    local word rest=$COMP_LINE words=() i
    # COMP_WORDBREAKS cuts words at = and : too; what no blank separates is one word.
    for ((i = 0; i <= COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        if [[ $i == 0 || $rest == [[:blank:]]* ]]; then
            rest=${rest#"${rest%%[![:blank:]]*}"}
            words+=("$word")
        else
            words[${#words[@]} - 1]+=$word
        fi
        rest=${rest#"$word"}
    done
    local current=${words[${#words[@]} - 1]} head= part
    # The part of the word that stays when readline puts a candidate in.
    for i in = :; do
        if [[ $COMP_WORDBREAKS == *"$i"* && $current == *"$i"* ]]; then
            part=${current%"${current##*"$i"}"}
            ((${#part} > ${#head})) && head=$part
        fi
    done
    local program=${words[0]/#\~\//$HOME/} last=
    COMPREPLY=()
    while IFS= read -r word; do
        case $word in
        :files) _coracle_paths -f ;;
        :directories) _coracle_paths -d ;;
        :*) ;;
        *)
            word=${word%%$'\t'*}
            last=$word
            COMPREPLY+=("${word#"$head"}")
            ;;
        esac
    done < <("$program" __complete "${words[@]:1}" 2>/dev/null)
    if ((${#COMPREPLY[@]} == 1)) && [[ $last == *[=:/,] ]]; then
        compopt -o nospace 2>/dev/null
    fi
}

# readline quotes file names, and would quote the colon of a name beside them: those are quoted here.
_coracle_paths() {
    local path are_alone=1
    if ((${#COMPREPLY[@]})); then are_alone=; else compopt -o filenames 2>/dev/null; fi
    while IFS= read -r path; do
        if [[ ! $are_alone ]]; then
            last=$path
            [[ -d ${path/#\~\//$HOME/} ]] && last+=/
            if [[ $last == \~/* ]]; then path=$last; else printf -v path %q "$last"; fi
        fi
        COMPREPLY+=("$path")
    done < <(compgen "$1" -- "${current#"$head"}")
}

complete -F _coracle coracle
