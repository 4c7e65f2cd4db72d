#compdef coracle

# zsh completion for coracle: asks coracle itself what may stand where the cursor is.

_coracle() {
    local line word about paths
    local -a plain plain_about open open_about
    for line in "${(@f)$("${(Q)words[1]}" __complete "${(@Q)words[2,CURRENT]}" 2>/dev/null)}"; do
        case $line in
            :*) paths=${line#:} ;;
            *)
                word=${line%%$'\t'*}
                about=$word
                [[ $line == *$'\t'* ]] && about="$word  -- ${line#*$'\t'}"
                if [[ $word == *[=:/,] ]]; then
                    open+=("$word")
                    open_about+=("$about")
                else
                    plain+=("$word")
                    plain_about+=("$about")
                fi
                ;;
        esac
    done
    (($#plain)) && compadd -l -d plain_about -a plain
    (($#open)) && compadd -l -S '' -d open_about -a open
    if [[ -n $paths ]]; then
        compset -P '--*='
        if [[ $paths == directories ]]; then _files -/; else _files; fi
    fi
}

if [[ ${funcstack[1]} == _coracle ]]; then
    _coracle "$@"
else
    compdef _coracle coracle
fi
