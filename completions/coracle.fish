# fish completion for coracle: asks coracle itself what may stand where the cursor is.

function __coracle_complete
    set -l words (commandline --tokenize --cut-at-cursor --current-process)
    set -l current (commandline --current-token --cut-at-cursor)
    set -l program (string replace -r '^~/' "$HOME/" -- $words[1])
    for line in ($program __complete $words[2..-1] "$current" 2>/dev/null)
        switch $line
            case ':files'
                __fish_complete_path (string replace -r '^--[^=]*=' '' -- $current)
            case ':directories'
                __fish_complete_directories (string replace -r '^--[^=]*=' '' -- $current)
            case ':*'
            case '*'
                printf '%s\n' $line
        end
    end
end

complete --command coracle --no-files --arguments '(__coracle_complete)'
