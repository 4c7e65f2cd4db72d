# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_coracle_global_optspecs
    string join \n config= c/context= D/debug H/host= l/log-level= tls tlscacert= tlscert= tlskey= tlsverify v/version
end

function __fish_coracle_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_coracle_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_coracle_using_subcommand
    set -l cmd (__fish_coracle_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c coracle -n "__fish_coracle_needs_command" -l config -d 'Location of client config files (default "~/.docker")' -r
complete -c coracle -n "__fish_coracle_needs_command" -s c -l context -d 'Accepted; only the context "default" exists' -r
complete -c coracle -n "__fish_coracle_needs_command" -s H -l host -d 'Refused unless empty: there is no daemon to connect to' -r
complete -c coracle -n "__fish_coracle_needs_command" -s l -l log-level -d 'Set the logging level ("debug", "info", "warn", "error", "fatal")' -r
complete -c coracle -n "__fish_coracle_needs_command" -l tlscacert -d 'Trust certs signed only by this CA' -r
complete -c coracle -n "__fish_coracle_needs_command" -l tlscert -d 'Path to TLS certificate file' -r
complete -c coracle -n "__fish_coracle_needs_command" -l tlskey -d 'Path to TLS key file' -r
complete -c coracle -n "__fish_coracle_needs_command" -s D -l debug -d 'Enable debug mode'
complete -c coracle -n "__fish_coracle_needs_command" -l tls -d 'Use TLS'
complete -c coracle -n "__fish_coracle_needs_command" -l tlsverify -d 'Use TLS and verify the remote'
complete -c coracle -n "__fish_coracle_needs_command" -s v -l version -d 'Print version information and quit'
complete -c coracle -n "__fish_coracle_needs_command" -f -a "run" -d 'Create and run a new container from an image'
complete -c coracle -n "__fish_coracle_needs_command" -f -a "exec" -d 'Execute a command in a running container'
complete -c coracle -n "__fish_coracle_needs_command" -f -a "ps" -d 'List containers'
complete -c coracle -n "__fish_coracle_needs_command" -f -a "pull" -d 'Download an image from a registry'
complete -c coracle -n "__fish_coracle_needs_command" -f -a "push" -d 'Upload an image to a registry'
complete -c coracle -n "__fish_coracle_needs_command" -f -a "images" -d 'List images'
complete -c coracle -n "__fish_coracle_needs_command" -f -a "version" -d 'Show the coracle version information'
complete -c coracle -n "__fish_coracle_needs_command" -f -a "info" -d 'Display system-wide information'
complete -c coracle -n "__fish_coracle_needs_command" -f -a "attach" -d 'Attach local standard input, output, and error streams to a running container'
complete -c coracle -n "__fish_coracle_needs_command" -f -a "commit" -d 'Create a new image from a container\'s changes'
complete -c coracle -n "__fish_coracle_needs_command" -f -a "cp" -d 'Copy files/folders between a container and the local filesystem  Use \'-\' as the source to read a tar archive from stdin and extract it to a directory destination in a container. Use \'-\' as the destination to stream a tar archive of a container source to stdout.'
complete -c coracle -n "__fish_coracle_needs_command" -f -a "create" -d 'Create a new container'
complete -c coracle -n "__fish_coracle_needs_command" -f -a "events" -d 'Get real time events from the server'
complete -c coracle -n "__fish_coracle_needs_command" -f -a "diff" -d 'Inspect changes to files or directories on a container\'s filesystem'
complete -c coracle -n "__fish_coracle_needs_command" -f -a "export" -d 'Export a container\'s filesystem as a tar archive'
complete -c coracle -n "__fish_coracle_needs_command" -f -a "history" -d 'Show the history of an image'
complete -c coracle -n "__fish_coracle_needs_command" -f -a "import" -d 'Import the contents from a tarball to create a filesystem image'
complete -c coracle -n "__fish_coracle_needs_command" -f -a "inspect" -d 'Return low-level information on Docker objects'
complete -c coracle -n "__fish_coracle_needs_command" -f -a "kill" -d 'Kill one or more running containers'
complete -c coracle -n "__fish_coracle_needs_command" -f -a "load" -d 'Load an image from a tar archive or STDIN'
complete -c coracle -n "__fish_coracle_needs_command" -f -a "logs" -d 'Fetch the logs of a container'
complete -c coracle -n "__fish_coracle_needs_command" -f -a "mount" -d 'Mount the root file systems of containers and print the paths  Works within `unshare`. One that runs has a path already. A container that is mounted cannot be started or removed. Without containers, what is mounted is listed.'
complete -c coracle -n "__fish_coracle_needs_command" -f -a "unmount" -d 'Unmount the root file systems of containers  Works within `unshare`. What a container runs on stays.'
complete -c coracle -n "__fish_coracle_needs_command" -f -a "umount" -d 'Unmount the root file systems of containers  Works within `unshare`. What a container runs on stays.'
complete -c coracle -n "__fish_coracle_needs_command" -f -a "pause" -d 'Pause all processes within one or more containers'
complete -c coracle -n "__fish_coracle_needs_command" -f -a "port" -d 'List port mappings or a specific mapping for the container'
complete -c coracle -n "__fish_coracle_needs_command" -f -a "rename" -d 'Rename a container'
complete -c coracle -n "__fish_coracle_needs_command" -f -a "restart" -d 'Restart one or more containers'
complete -c coracle -n "__fish_coracle_needs_command" -f -a "rm" -d 'Remove one or more containers'
complete -c coracle -n "__fish_coracle_needs_command" -f -a "rmi" -d 'Remove one or more images'
complete -c coracle -n "__fish_coracle_needs_command" -f -a "save" -d 'Save one or more images to a tar archive (streamed to STDOUT by default)'
complete -c coracle -n "__fish_coracle_needs_command" -f -a "start" -d 'Start one or more stopped containers'
complete -c coracle -n "__fish_coracle_needs_command" -f -a "stats" -d 'Display a live stream of container(s) resource usage statistics'
complete -c coracle -n "__fish_coracle_needs_command" -f -a "stop" -d 'Stop one or more running containers'
complete -c coracle -n "__fish_coracle_needs_command" -f -a "tag" -d 'Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE'
complete -c coracle -n "__fish_coracle_needs_command" -f -a "top" -d 'Display the running processes of a container'
complete -c coracle -n "__fish_coracle_needs_command" -f -a "unpause" -d 'Unpause all processes within one or more containers'
complete -c coracle -n "__fish_coracle_needs_command" -f -a "unshare" -d 'Run a command in the user namespace of the containers  There the user is root, and files that containers have made belong to whom they belong to in containers. The mounts it makes are its own. Without a command it is a shell ($SHELL). The exit status is the command\'s; 125 if it could not be tried, 126 if it could not be run, 127 if it was not found.'
complete -c coracle -n "__fish_coracle_needs_command" -f -a "update" -d 'Update configuration of one or more containers'
complete -c coracle -n "__fish_coracle_needs_command" -f -a "wait" -d 'Block until one or more containers stop, then print their exit codes'
complete -c coracle -n "__fish_coracle_needs_command" -f -a "completion" -d 'Generate the autocompletion script for bash, fish, powershell or zsh'
complete -c coracle -n "__fish_coracle_needs_command" -f -a "container" -d 'Manage containers'
complete -c coracle -n "__fish_coracle_needs_command" -f -a "healthcheck" -d 'Manage health checks'
complete -c coracle -n "__fish_coracle_needs_command" -f -a "image" -d 'Manage images'
complete -c coracle -n "__fish_coracle_needs_command" -f -a "system" -d 'Manage coracle'
complete -c coracle -n "__fish_coracle_needs_command" -f -a "volume" -d 'Manage volumes'
complete -c coracle -n "__fish_coracle_using_subcommand run" -l add-host -d 'Add a custom host-to-IP mapping (host:ip)' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l annotation -d 'Add an annotation to the container' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -s a -l attach -d 'Attach to STDIN, STDOUT or STDERR' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l cap-add -d 'Add Linux capabilities' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l cap-drop -d 'Drop Linux capabilities' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l cgroupns -d 'Cgroup namespace to use (host|private)' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l cidfile -d 'Write the container ID to the file' -r -F
complete -c coracle -n "__fish_coracle_using_subcommand run" -l device -d 'Add a host device to the container' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l dns -d 'Set custom DNS servers' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l dns-option -d 'Set DNS options' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l dns-search -d 'Set custom DNS search domains' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l domainname -d 'Container NIS domain name' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l entrypoint -d 'Overwrite the default ENTRYPOINT of the image' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -s e -l env -d 'Set environment variables' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l env-file -d 'Read in a file of environment variables' -r -F
complete -c coracle -n "__fish_coracle_using_subcommand run" -l group-add -d 'Add additional groups to join' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l gidmap -d 'GID map of the user namespace ([u|g][+]CONTAINER:[@]OUTSIDE[:COUNT])' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l health-cmd -d 'Command to run to check health' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l health-interval -d 'Time between running the check (ms|s|m|h)' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l health-on-failure -d 'What to do with a container that becomes unhealthy (none|kill|restart|stop)' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l health-retries -d 'Consecutive failures needed to report unhealthy' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l health-start-interval -d 'Time between running the check during the start period (ms|s|m|h)' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l health-start-period -d 'Start period for the container to initialize before starting health-retries countdown (ms|s|m|h)' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l health-timeout -d 'Maximum time to allow one check to run (ms|s|m|h)' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -s h -l hostname -d 'Container host name' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l ipc -d 'IPC mode to use' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -s l -l label -d 'Set meta data on a container' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l label-file -d 'Read in a line delimited file of labels' -r -F
complete -c coracle -n "__fish_coracle_using_subcommand run" -l log-driver -d 'Logging driver for the container (json-file|local|none)' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l log-opt -d 'Log driver options' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l mount -d 'Attach a filesystem mount to the container' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l name -d 'Assign a name to the container' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l network -d 'Connect a container to a network (host|none)' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l oom-score-adj -d 'Tune host\'s OOM preferences (-1000 to 1000)' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l pid -d 'PID namespace to use' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l platform -d 'Set platform if server is multi-platform capable' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l pull -d 'Pull image before running ("always", "missing", "never", "newer")' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l restart -d 'Restart policy to apply when a container exits' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l security-opt -d 'Security options (seccomp=FILE|unconfined, no-new-privileges, systempaths=unconfined)' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l shm-size -d 'Size of /dev/shm' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l stop-signal -d 'Signal to stop the container' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l stop-timeout -d 'Timeout (in seconds) to stop a container' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l storage-opt -d 'How the container writes to its root file system (overlay=hybrid|full|unpacked)' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l sysctl -d 'Sysctl options' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l tmpfs -d 'Mount a tmpfs directory' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l subgidname -d 'Name in /etc/subgid whose ids the container is to have' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l subuidname -d 'Name in /etc/subuid whose ids the container is to have' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l uidmap -d 'UID map of the user namespace ([u|g][+]CONTAINER:[@]OUTSIDE[:COUNT])' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l ulimit -d 'Ulimit options' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -s u -l user -d 'Username or UID (format: <name|uid>[:<group|gid>])' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l userns -d 'User namespace to use (host|private|keep-id[:uid=,gid=,size=]|auto[:size=,uidmapping=,gidmapping=]|nomap|container:NAME)' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l uts -d 'UTS namespace to use' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -s v -l volume -d 'Bind mount a volume, or a directory or file of the host' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l volume-driver -d 'Driver of the volumes that are made (local)' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l volumes-from -d 'Mount volumes from the specified container(s)' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -s w -l workdir -d 'Working directory inside the container' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l blkio-weight -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l blkio-weight-device -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l cgroup-parent -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l cpu-count -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l cpu-percent -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l cpu-period -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l cpu-quota -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l cpu-rt-period -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l cpu-rt-runtime -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -s c -l cpu-shares -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l cpus -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l cpuset-cpus -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l cpuset-mems -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l device-cgroup-rule -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l device-read-bps -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l device-read-iops -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l device-write-bps -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l device-write-iops -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l expose -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l gpus -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l io-maxbandwidth -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l io-maxiops -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l ip -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l ip6 -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l isolation -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l kernel-memory -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l link -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l link-local-ip -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l mac-address -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -s m -l memory -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l memory-reservation -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l memory-swap -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l memory-swappiness -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l network-alias -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l pids-limit -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -s p -l publish -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l runtime -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l detach-keys -d 'Override the key sequence for detaching a container' -r
complete -c coracle -n "__fish_coracle_using_subcommand run" -l init -d 'Run an init inside the container that forwards signals and reaps processes'
complete -c coracle -n "__fish_coracle_using_subcommand run" -s i -l interactive -d 'Keep STDIN open even if not attached'
complete -c coracle -n "__fish_coracle_using_subcommand run" -l no-healthcheck -d 'Disable any container-specified HEALTHCHECK'
complete -c coracle -n "__fish_coracle_using_subcommand run" -l privileged -d 'Give extended privileges to this container'
complete -c coracle -n "__fish_coracle_using_subcommand run" -s q -l quiet -d 'Suppress the pull output'
complete -c coracle -n "__fish_coracle_using_subcommand run" -l read-only -d 'Mount the container\'s root filesystem as read only'
complete -c coracle -n "__fish_coracle_using_subcommand run" -l replace -d 'Stop and remove the container that has the name, if there is one'
complete -c coracle -n "__fish_coracle_using_subcommand run" -l rm -d 'Automatically remove the container and its associated anonymous volumes when it exits'
complete -c coracle -n "__fish_coracle_using_subcommand run" -s t -l tty -d 'Allocate a pseudo-TTY'
complete -c coracle -n "__fish_coracle_using_subcommand run" -l disable-content-trust -d 'No image is verified by Docker\'s retired content trust'
complete -c coracle -n "__fish_coracle_using_subcommand run" -l oom-kill-disable
complete -c coracle -n "__fish_coracle_using_subcommand run" -s P -l publish-all
complete -c coracle -n "__fish_coracle_using_subcommand run" -l use-api-socket
complete -c coracle -n "__fish_coracle_using_subcommand run" -s d -l detach -d 'Run container in background and print container ID'
complete -c coracle -n "__fish_coracle_using_subcommand run" -l sig-proxy -d 'Proxy received signals to the process'
complete -c coracle -n "__fish_coracle_using_subcommand exec" -l detach-keys -d 'Override the key sequence for detaching a container' -r
complete -c coracle -n "__fish_coracle_using_subcommand exec" -s e -l env -d 'Set environment variables' -r
complete -c coracle -n "__fish_coracle_using_subcommand exec" -l env-file -d 'Read in a file of environment variables' -r -F
complete -c coracle -n "__fish_coracle_using_subcommand exec" -s u -l user -d 'Username or UID (format: "<name|uid>[:<group|gid>]")' -r
complete -c coracle -n "__fish_coracle_using_subcommand exec" -s w -l workdir -d 'Working directory inside the container' -r
complete -c coracle -n "__fish_coracle_using_subcommand exec" -s d -l detach -d 'Detached mode: run command in the background'
complete -c coracle -n "__fish_coracle_using_subcommand exec" -s i -l interactive -d 'Keep STDIN open even if not attached'
complete -c coracle -n "__fish_coracle_using_subcommand exec" -s l -l latest -d 'Act on the container created last'
complete -c coracle -n "__fish_coracle_using_subcommand exec" -l privileged -d 'Give extended privileges to the command'
complete -c coracle -n "__fish_coracle_using_subcommand exec" -s t -l tty -d 'Allocate a pseudo-TTY'
complete -c coracle -n "__fish_coracle_using_subcommand ps" -s f -l filter -d 'Filter output based on conditions provided' -r
complete -c coracle -n "__fish_coracle_using_subcommand ps" -l format -d 'Format output using a custom template: \'table\':            Print output in table format with column headers (default) \'table TEMPLATE\':   Print output in table format using the given Go template \'json\':             Print in JSON format \'TEMPLATE\':         Print output using the given Go template. Refer to https://docs.docker.com/go/formatting/ for more information about formatting output with templates' -r
complete -c coracle -n "__fish_coracle_using_subcommand ps" -s n -l last -d 'Show n last created containers (includes all states)' -r
complete -c coracle -n "__fish_coracle_using_subcommand ps" -l sort -d 'Sort by "command", "created", "id", "image", "names", "runningfor", "size" or "status"' -r
complete -c coracle -n "__fish_coracle_using_subcommand ps" -s a -l all -d 'Show all containers (default shows just running)'
complete -c coracle -n "__fish_coracle_using_subcommand ps" -s l -l latest -d 'Show the latest created container (includes all states)'
complete -c coracle -n "__fish_coracle_using_subcommand ps" -l no-trunc -d 'Don\'t truncate output'
complete -c coracle -n "__fish_coracle_using_subcommand ps" -s q -l quiet -d 'Only display container IDs'
complete -c coracle -n "__fish_coracle_using_subcommand ps" -s s -l size -d 'Display total file sizes'
complete -c coracle -n "__fish_coracle_using_subcommand pull" -l policy -d 'When to download ("always", "missing", "never", "newer")' -r
complete -c coracle -n "__fish_coracle_using_subcommand pull" -l platform -d 'Set platform if server is multi-platform capable' -r
complete -c coracle -n "__fish_coracle_using_subcommand pull" -s a -l all-tags -d 'Download all tagged images in the repository'
complete -c coracle -n "__fish_coracle_using_subcommand pull" -l disable-content-trust -d 'No image is verified by Docker\'s retired content trust'
complete -c coracle -n "__fish_coracle_using_subcommand pull" -s q -l quiet -d 'Suppress verbose output'
complete -c coracle -n "__fish_coracle_using_subcommand push" -l platform -d 'Push a platform-specific manifest as a single-platform image to the registry' -r
complete -c coracle -n "__fish_coracle_using_subcommand push" -s a -l all-tags -d 'Push all tags of an image to the repository'
complete -c coracle -n "__fish_coracle_using_subcommand push" -l disable-content-trust -d 'No image is signed by Docker\'s retired content trust'
complete -c coracle -n "__fish_coracle_using_subcommand push" -s q -l quiet -d 'Suppress verbose output'
complete -c coracle -n "__fish_coracle_using_subcommand images" -s f -l filter -d 'Filter output based on conditions provided' -r
complete -c coracle -n "__fish_coracle_using_subcommand images" -l format -d 'Format output using a custom template: \'table\':            Print output in table format with column headers (default) \'table TEMPLATE\':   Print output in table format using the given Go template \'json\':             Print in JSON format \'TEMPLATE\':         Print output using the given Go template. Refer to https://docs.docker.com/go/formatting/ for more information about formatting output with templates' -r
complete -c coracle -n "__fish_coracle_using_subcommand images" -l sort -d 'Sort by "created" (newest first), "id", "repository", "size" or "tag"' -r
complete -c coracle -n "__fish_coracle_using_subcommand images" -s a -l all -d 'Show all images (default hides intermediate images)'
complete -c coracle -n "__fish_coracle_using_subcommand images" -l digests -d 'Show digests'
complete -c coracle -n "__fish_coracle_using_subcommand images" -l no-trunc -d 'Don\'t truncate output'
complete -c coracle -n "__fish_coracle_using_subcommand images" -s q -l quiet -d 'Only show image IDs'
complete -c coracle -n "__fish_coracle_using_subcommand images" -l tree -d 'List multi-platform images as a tree'
complete -c coracle -n "__fish_coracle_using_subcommand version" -s f -l format -d 'Format output using a custom template: \'json\':             Print in JSON format \'TEMPLATE\':         Print output using the given Go template. Refer to https://docs.docker.com/go/formatting/ for more information about formatting output with templates' -r
complete -c coracle -n "__fish_coracle_using_subcommand info" -s f -l format -d 'Format output using a custom template: \'json\':             Print in JSON format \'TEMPLATE\':         Print output using the given Go template. Refer to https://docs.docker.com/go/formatting/ for more information about formatting output with templates' -r
complete -c coracle -n "__fish_coracle_using_subcommand attach" -l detach-keys -d 'Override the key sequence for detaching a container' -r
complete -c coracle -n "__fish_coracle_using_subcommand attach" -s l -l latest -d 'Act on the container created last'
complete -c coracle -n "__fish_coracle_using_subcommand attach" -l no-stdin -d 'Do not attach STDIN'
complete -c coracle -n "__fish_coracle_using_subcommand attach" -l sig-proxy -d 'Proxy all received signals to the process'
complete -c coracle -n "__fish_coracle_using_subcommand commit" -s a -l author -d 'Author (e.g., "John Hannibal Smith <hannibal@a-team.com>")' -r
complete -c coracle -n "__fish_coracle_using_subcommand commit" -s c -l change -d 'Apply Dockerfile instruction to the created image' -r
complete -c coracle -n "__fish_coracle_using_subcommand commit" -s m -l message -d 'Commit message' -r
complete -c coracle -n "__fish_coracle_using_subcommand commit" -l no-pause -d 'Disable pausing container during commit'
complete -c coracle -n "__fish_coracle_using_subcommand commit" -s p -l pause -d 'Pause container during commit'
complete -c coracle -n "__fish_coracle_using_subcommand commit" -s q -l quiet -d 'Print nothing but the id, as is done anyway'
complete -c coracle -n "__fish_coracle_using_subcommand cp" -s a -l archive -d 'Archive mode (copy all uid/gid information)'
complete -c coracle -n "__fish_coracle_using_subcommand cp" -s L -l follow-link -d 'Always follow symlinks in SRC_PATH'
complete -c coracle -n "__fish_coracle_using_subcommand cp" -s q -l quiet -d 'Suppress progress output during copy. Progress output is automatically suppressed if no terminal is attached'
complete -c coracle -n "__fish_coracle_using_subcommand create" -l add-host -d 'Add a custom host-to-IP mapping (host:ip)' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l annotation -d 'Add an annotation to the container' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -s a -l attach -d 'Attach to STDIN, STDOUT or STDERR' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l cap-add -d 'Add Linux capabilities' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l cap-drop -d 'Drop Linux capabilities' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l cgroupns -d 'Cgroup namespace to use (host|private)' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l cidfile -d 'Write the container ID to the file' -r -F
complete -c coracle -n "__fish_coracle_using_subcommand create" -l device -d 'Add a host device to the container' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l dns -d 'Set custom DNS servers' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l dns-option -d 'Set DNS options' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l dns-search -d 'Set custom DNS search domains' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l domainname -d 'Container NIS domain name' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l entrypoint -d 'Overwrite the default ENTRYPOINT of the image' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -s e -l env -d 'Set environment variables' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l env-file -d 'Read in a file of environment variables' -r -F
complete -c coracle -n "__fish_coracle_using_subcommand create" -l group-add -d 'Add additional groups to join' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l gidmap -d 'GID map of the user namespace ([u|g][+]CONTAINER:[@]OUTSIDE[:COUNT])' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l health-cmd -d 'Command to run to check health' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l health-interval -d 'Time between running the check (ms|s|m|h)' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l health-on-failure -d 'What to do with a container that becomes unhealthy (none|kill|restart|stop)' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l health-retries -d 'Consecutive failures needed to report unhealthy' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l health-start-interval -d 'Time between running the check during the start period (ms|s|m|h)' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l health-start-period -d 'Start period for the container to initialize before starting health-retries countdown (ms|s|m|h)' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l health-timeout -d 'Maximum time to allow one check to run (ms|s|m|h)' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -s h -l hostname -d 'Container host name' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l ipc -d 'IPC mode to use' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -s l -l label -d 'Set meta data on a container' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l label-file -d 'Read in a line delimited file of labels' -r -F
complete -c coracle -n "__fish_coracle_using_subcommand create" -l log-driver -d 'Logging driver for the container (json-file|local|none)' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l log-opt -d 'Log driver options' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l mount -d 'Attach a filesystem mount to the container' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l name -d 'Assign a name to the container' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l network -d 'Connect a container to a network (host|none)' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l oom-score-adj -d 'Tune host\'s OOM preferences (-1000 to 1000)' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l pid -d 'PID namespace to use' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l platform -d 'Set platform if server is multi-platform capable' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l pull -d 'Pull image before running ("always", "missing", "never", "newer")' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l restart -d 'Restart policy to apply when a container exits' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l security-opt -d 'Security options (seccomp=FILE|unconfined, no-new-privileges, systempaths=unconfined)' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l shm-size -d 'Size of /dev/shm' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l stop-signal -d 'Signal to stop the container' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l stop-timeout -d 'Timeout (in seconds) to stop a container' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l storage-opt -d 'How the container writes to its root file system (overlay=hybrid|full|unpacked)' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l sysctl -d 'Sysctl options' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l tmpfs -d 'Mount a tmpfs directory' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l subgidname -d 'Name in /etc/subgid whose ids the container is to have' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l subuidname -d 'Name in /etc/subuid whose ids the container is to have' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l uidmap -d 'UID map of the user namespace ([u|g][+]CONTAINER:[@]OUTSIDE[:COUNT])' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l ulimit -d 'Ulimit options' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -s u -l user -d 'Username or UID (format: <name|uid>[:<group|gid>])' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l userns -d 'User namespace to use (host|private|keep-id[:uid=,gid=,size=]|auto[:size=,uidmapping=,gidmapping=]|nomap|container:NAME)' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l uts -d 'UTS namespace to use' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -s v -l volume -d 'Bind mount a volume, or a directory or file of the host' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l volume-driver -d 'Driver of the volumes that are made (local)' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l volumes-from -d 'Mount volumes from the specified container(s)' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -s w -l workdir -d 'Working directory inside the container' -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l blkio-weight -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l blkio-weight-device -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l cgroup-parent -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l cpu-count -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l cpu-percent -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l cpu-period -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l cpu-quota -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l cpu-rt-period -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l cpu-rt-runtime -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -s c -l cpu-shares -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l cpus -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l cpuset-cpus -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l cpuset-mems -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l device-cgroup-rule -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l device-read-bps -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l device-read-iops -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l device-write-bps -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l device-write-iops -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l expose -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l gpus -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l io-maxbandwidth -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l io-maxiops -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l ip -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l ip6 -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l isolation -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l kernel-memory -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l link -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l link-local-ip -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l mac-address -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -s m -l memory -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l memory-reservation -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l memory-swap -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l memory-swappiness -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l network-alias -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l pids-limit -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -s p -l publish -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l runtime -r
complete -c coracle -n "__fish_coracle_using_subcommand create" -l init -d 'Run an init inside the container that forwards signals and reaps processes'
complete -c coracle -n "__fish_coracle_using_subcommand create" -s i -l interactive -d 'Keep STDIN open even if not attached'
complete -c coracle -n "__fish_coracle_using_subcommand create" -l no-healthcheck -d 'Disable any container-specified HEALTHCHECK'
complete -c coracle -n "__fish_coracle_using_subcommand create" -l privileged -d 'Give extended privileges to this container'
complete -c coracle -n "__fish_coracle_using_subcommand create" -s q -l quiet -d 'Suppress the pull output'
complete -c coracle -n "__fish_coracle_using_subcommand create" -l read-only -d 'Mount the container\'s root filesystem as read only'
complete -c coracle -n "__fish_coracle_using_subcommand create" -l replace -d 'Stop and remove the container that has the name, if there is one'
complete -c coracle -n "__fish_coracle_using_subcommand create" -l rm -d 'Automatically remove the container and its associated anonymous volumes when it exits'
complete -c coracle -n "__fish_coracle_using_subcommand create" -s t -l tty -d 'Allocate a pseudo-TTY'
complete -c coracle -n "__fish_coracle_using_subcommand create" -l disable-content-trust -d 'No image is verified by Docker\'s retired content trust'
complete -c coracle -n "__fish_coracle_using_subcommand create" -l oom-kill-disable
complete -c coracle -n "__fish_coracle_using_subcommand create" -s P -l publish-all
complete -c coracle -n "__fish_coracle_using_subcommand create" -l use-api-socket
complete -c coracle -n "__fish_coracle_using_subcommand events" -s f -l filter -d 'Filter output based on conditions provided' -r
complete -c coracle -n "__fish_coracle_using_subcommand events" -l format -d 'Format output using a custom template: \'json\':             Print in JSON format \'TEMPLATE\':         Print output using the given Go template. Refer to https://docs.docker.com/go/formatting/ for more information about formatting output with templates' -r
complete -c coracle -n "__fish_coracle_using_subcommand events" -l since -d 'Show all events created since timestamp' -r
complete -c coracle -n "__fish_coracle_using_subcommand events" -l until -d 'Stream events until this timestamp' -r
complete -c coracle -n "__fish_coracle_using_subcommand export" -s o -l output -d 'Write to a file, instead of STDOUT' -r -F
complete -c coracle -n "__fish_coracle_using_subcommand history" -l format -d 'Format output using a custom template: \'table\':            Print output in table format with column headers (default) \'table TEMPLATE\':   Print output in table format using the given Go template \'json\':             Print in JSON format \'TEMPLATE\':         Print output using the given Go template. Refer to https://docs.docker.com/go/formatting/ for more information about formatting output with templates' -r
complete -c coracle -n "__fish_coracle_using_subcommand history" -l platform -d 'Show history for the given platform. Formatted as "os[/arch[/variant]]" (e.g., "linux/amd64")' -r
complete -c coracle -n "__fish_coracle_using_subcommand history" -s H -l human -d 'Print sizes and dates in human readable format'
complete -c coracle -n "__fish_coracle_using_subcommand history" -l no-trunc -d 'Don\'t truncate output'
complete -c coracle -n "__fish_coracle_using_subcommand history" -s q -l quiet -d 'Only show image IDs'
complete -c coracle -n "__fish_coracle_using_subcommand import" -s c -l change -d 'Apply Dockerfile instruction to the created image' -r
complete -c coracle -n "__fish_coracle_using_subcommand import" -s m -l message -d 'Set commit message for imported image' -r
complete -c coracle -n "__fish_coracle_using_subcommand import" -l platform -d 'Set platform if server is multi-platform capable' -r
complete -c coracle -n "__fish_coracle_using_subcommand inspect" -s f -l format -d 'Format output using a custom template: \'json\':             Print in JSON format \'TEMPLATE\':         Print output using the given Go template. Refer to https://docs.docker.com/go/formatting/ for more information about formatting output with templates' -r
complete -c coracle -n "__fish_coracle_using_subcommand inspect" -l type -d 'Only inspect objects of the given type' -r
complete -c coracle -n "__fish_coracle_using_subcommand inspect" -s s -l size -d 'Display total file sizes if the type is container'
complete -c coracle -n "__fish_coracle_using_subcommand inspect" -s l -l latest -d 'Show the container created last'
complete -c coracle -n "__fish_coracle_using_subcommand kill" -s s -l signal -d 'Signal to send to the container' -r
complete -c coracle -n "__fish_coracle_using_subcommand kill" -s a -l all -d 'Act on all running containers'
complete -c coracle -n "__fish_coracle_using_subcommand kill" -s l -l latest -d 'Act on the container created last'
complete -c coracle -n "__fish_coracle_using_subcommand load" -s i -l input -d 'Read from tar archive file, instead of STDIN' -r -F
complete -c coracle -n "__fish_coracle_using_subcommand load" -l platform -d 'Load only the given platform variant. Formatted as "os[/arch[/variant]]" (e.g., "linux/amd64")' -r
complete -c coracle -n "__fish_coracle_using_subcommand load" -s q -l quiet -d 'Suppress the load output'
complete -c coracle -n "__fish_coracle_using_subcommand logs" -l since -d 'Show logs since timestamp (e.g. "2013-01-02T13:23:37Z") or relative (e.g. "42m" for 42 minutes)' -r
complete -c coracle -n "__fish_coracle_using_subcommand logs" -s n -l tail -d 'Number of lines to show from the end of the logs' -r
complete -c coracle -n "__fish_coracle_using_subcommand logs" -l until -d 'Show logs before a timestamp (e.g. "2013-01-02T13:23:37Z") or relative (e.g. "42m" for 42 minutes)' -r
complete -c coracle -n "__fish_coracle_using_subcommand logs" -l color -d 'Give every container\'s lines a colour of their own'
complete -c coracle -n "__fish_coracle_using_subcommand logs" -l details -d 'Show extra details provided to logs'
complete -c coracle -n "__fish_coracle_using_subcommand logs" -s f -l follow -d 'Follow log output'
complete -c coracle -n "__fish_coracle_using_subcommand logs" -s l -l latest -d 'Act on the container created last'
complete -c coracle -n "__fish_coracle_using_subcommand logs" -l names -d 'Show the container\'s name before every line'
complete -c coracle -n "__fish_coracle_using_subcommand logs" -s t -l timestamps -d 'Show timestamps'
complete -c coracle -n "__fish_coracle_using_subcommand mount" -l format -d 'Print the mounts in another format (json)' -r
complete -c coracle -n "__fish_coracle_using_subcommand mount" -s a -l all -d 'Mount all containers'
complete -c coracle -n "__fish_coracle_using_subcommand mount" -s l -l latest -d 'Act on the container created last'
complete -c coracle -n "__fish_coracle_using_subcommand mount" -l no-trunc -d 'Don\'t truncate ids'
complete -c coracle -n "__fish_coracle_using_subcommand unmount" -s a -l all -d 'Unmount all containers'
complete -c coracle -n "__fish_coracle_using_subcommand unmount" -s f -l force -d 'Unmount what is in use, too'
complete -c coracle -n "__fish_coracle_using_subcommand unmount" -s l -l latest -d 'Act on the container created last'
complete -c coracle -n "__fish_coracle_using_subcommand umount" -s a -l all -d 'Unmount all containers'
complete -c coracle -n "__fish_coracle_using_subcommand umount" -s f -l force -d 'Unmount what is in use, too'
complete -c coracle -n "__fish_coracle_using_subcommand umount" -s l -l latest -d 'Act on the container created last'
complete -c coracle -n "__fish_coracle_using_subcommand pause" -s a -l all -d 'Act on all running containers'
complete -c coracle -n "__fish_coracle_using_subcommand pause" -s l -l latest -d 'Act on the container created last'
complete -c coracle -n "__fish_coracle_using_subcommand port" -s l -l latest -d 'Act on the container created last'
complete -c coracle -n "__fish_coracle_using_subcommand restart" -s s -l signal -d 'Signal to send to the container' -r
complete -c coracle -n "__fish_coracle_using_subcommand restart" -s t -l timeout -d 'Seconds to wait before killing the container' -r
complete -c coracle -n "__fish_coracle_using_subcommand restart" -s a -l all -d 'Act on all containers'
complete -c coracle -n "__fish_coracle_using_subcommand restart" -s l -l latest -d 'Act on the container created last'
complete -c coracle -n "__fish_coracle_using_subcommand restart" -l running -d 'With --all: only those that run'
complete -c coracle -n "__fish_coracle_using_subcommand rm" -s a -l all -d 'Act on all containers'
complete -c coracle -n "__fish_coracle_using_subcommand rm" -s f -l force -d 'Force the removal of a running container (uses SIGKILL)'
complete -c coracle -n "__fish_coracle_using_subcommand rm" -s i -l ignore -d 'Pass over containers that do not exist'
complete -c coracle -n "__fish_coracle_using_subcommand rm" -l latest -d 'Act on the container created last'
complete -c coracle -n "__fish_coracle_using_subcommand rm" -s l -l link -d 'Remove the specified link'
complete -c coracle -n "__fish_coracle_using_subcommand rm" -s v -l volumes -d 'Remove anonymous volumes associated with the container'
complete -c coracle -n "__fish_coracle_using_subcommand rmi" -l platform -d 'Remove only the given platform variant' -r
complete -c coracle -n "__fish_coracle_using_subcommand rmi" -s a -l all -d 'Remove all images'
complete -c coracle -n "__fish_coracle_using_subcommand rmi" -s f -l force -d 'Force removal of the image'
complete -c coracle -n "__fish_coracle_using_subcommand rmi" -s i -l ignore -d 'Pass over images that do not exist'
complete -c coracle -n "__fish_coracle_using_subcommand rmi" -l no-prune -d 'Do not delete untagged parents'
complete -c coracle -n "__fish_coracle_using_subcommand save" -s o -l output -d 'Write to a file, instead of STDOUT' -r -F
complete -c coracle -n "__fish_coracle_using_subcommand save" -l platform -d 'Save only the given platform variant. Formatted as "os[/arch[/variant]]" (e.g., "linux/amd64")' -r
complete -c coracle -n "__fish_coracle_using_subcommand save" -l format -d 'Write a docker-archive, which OCI tools read too, or an oci-archive' -r
complete -c coracle -n "__fish_coracle_using_subcommand start" -l checkpoint -d 'Restore from this checkpoint' -r
complete -c coracle -n "__fish_coracle_using_subcommand start" -l checkpoint-dir -d 'Use a custom checkpoint storage directory' -r
complete -c coracle -n "__fish_coracle_using_subcommand start" -l detach-keys -d 'Override the key sequence for detaching a container' -r
complete -c coracle -n "__fish_coracle_using_subcommand start" -l all -d 'Act on all containers that do not run'
complete -c coracle -n "__fish_coracle_using_subcommand start" -s a -l attach -d 'Attach STDOUT/STDERR and forward signals'
complete -c coracle -n "__fish_coracle_using_subcommand start" -s i -l interactive -d 'Attach container\'s STDIN'
complete -c coracle -n "__fish_coracle_using_subcommand start" -s l -l latest -d 'Act on the container created last'
complete -c coracle -n "__fish_coracle_using_subcommand stats" -l format -d 'Format output using a custom template: \'table\':            Print output in table format with column headers (default) \'table TEMPLATE\':   Print output in table format using the given Go template \'json\':             Print in JSON format \'TEMPLATE\':         Print output using the given Go template. Refer to https://docs.docker.com/go/formatting/ for more information about formatting output with templates' -r
complete -c coracle -n "__fish_coracle_using_subcommand stats" -s a -l all -d 'Show all containers (default shows just running)'
complete -c coracle -n "__fish_coracle_using_subcommand stats" -l no-stream -d 'Disable streaming stats and only pull the first result'
complete -c coracle -n "__fish_coracle_using_subcommand stats" -l no-trunc -d 'Do not truncate output'
complete -c coracle -n "__fish_coracle_using_subcommand stop" -s s -l signal -d 'Signal to send to the container' -r
complete -c coracle -n "__fish_coracle_using_subcommand stop" -s t -l timeout -d 'Seconds to wait before killing the container' -r
complete -c coracle -n "__fish_coracle_using_subcommand stop" -s a -l all -d 'Act on all running containers'
complete -c coracle -n "__fish_coracle_using_subcommand stop" -s i -l ignore -d 'Pass over containers that do not exist'
complete -c coracle -n "__fish_coracle_using_subcommand stop" -s l -l latest -d 'Act on the container created last'
complete -c coracle -n "__fish_coracle_using_subcommand top" -s l -l latest -d 'Act on the container created last'
complete -c coracle -n "__fish_coracle_using_subcommand unpause" -s a -l all -d 'Act on all paused containers'
complete -c coracle -n "__fish_coracle_using_subcommand unpause" -s l -l latest -d 'Act on the container created last'
complete -c coracle -n "__fish_coracle_using_subcommand unshare" -l rootless-netns -d 'Refused: containers have no network namespace in common'
complete -c coracle -n "__fish_coracle_using_subcommand update" -l restart -d 'Restart policy to apply when a container exits' -r
complete -c coracle -n "__fish_coracle_using_subcommand update" -l blkio-weight -r
complete -c coracle -n "__fish_coracle_using_subcommand update" -l cpu-period -r
complete -c coracle -n "__fish_coracle_using_subcommand update" -l cpu-quota -r
complete -c coracle -n "__fish_coracle_using_subcommand update" -l cpu-rt-period -r
complete -c coracle -n "__fish_coracle_using_subcommand update" -l cpu-rt-runtime -r
complete -c coracle -n "__fish_coracle_using_subcommand update" -s c -l cpu-shares -r
complete -c coracle -n "__fish_coracle_using_subcommand update" -l cpus -r
complete -c coracle -n "__fish_coracle_using_subcommand update" -l cpuset-cpus -r
complete -c coracle -n "__fish_coracle_using_subcommand update" -l cpuset-mems -r
complete -c coracle -n "__fish_coracle_using_subcommand update" -s m -l memory -r
complete -c coracle -n "__fish_coracle_using_subcommand update" -l memory-reservation -r
complete -c coracle -n "__fish_coracle_using_subcommand update" -l memory-swap -r
complete -c coracle -n "__fish_coracle_using_subcommand update" -l pids-limit -r
complete -c coracle -n "__fish_coracle_using_subcommand wait" -l condition -d 'Wait for one of these states: created, running, paused, stopped, exited' -r
complete -c coracle -n "__fish_coracle_using_subcommand wait" -s i -l interval -d 'How often to look for a condition that nothing tells of (a duration, or milliseconds)' -r
complete -c coracle -n "__fish_coracle_using_subcommand wait" -l exit-first-match -d 'Return as soon as one of the containers is there, and print its exit code alone'
complete -c coracle -n "__fish_coracle_using_subcommand wait" -l ignore -d 'Print -1 for a container that does not exist'
complete -c coracle -n "__fish_coracle_using_subcommand wait" -s l -l latest -d 'Act on the container created last'
complete -c coracle -n "__fish_coracle_using_subcommand container; and not __fish_seen_subcommand_from run exec ls list ps attach commit cp create diff export inspect exists prune kill logs mount unmount umount pause port rename restart rm remove start stats stop top unpause update wait" -f -a "run" -d 'Create and run a new container from an image'
complete -c coracle -n "__fish_coracle_using_subcommand container; and not __fish_seen_subcommand_from run exec ls list ps attach commit cp create diff export inspect exists prune kill logs mount unmount umount pause port rename restart rm remove start stats stop top unpause update wait" -f -a "exec" -d 'Execute a command in a running container'
complete -c coracle -n "__fish_coracle_using_subcommand container; and not __fish_seen_subcommand_from run exec ls list ps attach commit cp create diff export inspect exists prune kill logs mount unmount umount pause port rename restart rm remove start stats stop top unpause update wait" -f -a "ls" -d 'List containers'
complete -c coracle -n "__fish_coracle_using_subcommand container; and not __fish_seen_subcommand_from run exec ls list ps attach commit cp create diff export inspect exists prune kill logs mount unmount umount pause port rename restart rm remove start stats stop top unpause update wait" -f -a "list" -d 'List containers'
complete -c coracle -n "__fish_coracle_using_subcommand container; and not __fish_seen_subcommand_from run exec ls list ps attach commit cp create diff export inspect exists prune kill logs mount unmount umount pause port rename restart rm remove start stats stop top unpause update wait" -f -a "ps" -d 'List containers'
complete -c coracle -n "__fish_coracle_using_subcommand container; and not __fish_seen_subcommand_from run exec ls list ps attach commit cp create diff export inspect exists prune kill logs mount unmount umount pause port rename restart rm remove start stats stop top unpause update wait" -f -a "attach" -d 'Attach local standard input, output, and error streams to a running container'
complete -c coracle -n "__fish_coracle_using_subcommand container; and not __fish_seen_subcommand_from run exec ls list ps attach commit cp create diff export inspect exists prune kill logs mount unmount umount pause port rename restart rm remove start stats stop top unpause update wait" -f -a "commit" -d 'Create a new image from a container\'s changes'
complete -c coracle -n "__fish_coracle_using_subcommand container; and not __fish_seen_subcommand_from run exec ls list ps attach commit cp create diff export inspect exists prune kill logs mount unmount umount pause port rename restart rm remove start stats stop top unpause update wait" -f -a "cp" -d 'Copy files/folders between a container and the local filesystem  Use \'-\' as the source to read a tar archive from stdin and extract it to a directory destination in a container. Use \'-\' as the destination to stream a tar archive of a container source to stdout.'
complete -c coracle -n "__fish_coracle_using_subcommand container; and not __fish_seen_subcommand_from run exec ls list ps attach commit cp create diff export inspect exists prune kill logs mount unmount umount pause port rename restart rm remove start stats stop top unpause update wait" -f -a "create" -d 'Create a new container'
complete -c coracle -n "__fish_coracle_using_subcommand container; and not __fish_seen_subcommand_from run exec ls list ps attach commit cp create diff export inspect exists prune kill logs mount unmount umount pause port rename restart rm remove start stats stop top unpause update wait" -f -a "diff" -d 'Inspect changes to files or directories on a container\'s filesystem'
complete -c coracle -n "__fish_coracle_using_subcommand container; and not __fish_seen_subcommand_from run exec ls list ps attach commit cp create diff export inspect exists prune kill logs mount unmount umount pause port rename restart rm remove start stats stop top unpause update wait" -f -a "export" -d 'Export a container\'s filesystem as a tar archive'
complete -c coracle -n "__fish_coracle_using_subcommand container; and not __fish_seen_subcommand_from run exec ls list ps attach commit cp create diff export inspect exists prune kill logs mount unmount umount pause port rename restart rm remove start stats stop top unpause update wait" -f -a "inspect" -d 'Display detailed information on one or more containers'
complete -c coracle -n "__fish_coracle_using_subcommand container; and not __fish_seen_subcommand_from run exec ls list ps attach commit cp create diff export inspect exists prune kill logs mount unmount umount pause port rename restart rm remove start stats stop top unpause update wait" -f -a "exists" -d 'Check if a container exists (status 0: yes, 1: no, 125: something went wrong)'
complete -c coracle -n "__fish_coracle_using_subcommand container; and not __fish_seen_subcommand_from run exec ls list ps attach commit cp create diff export inspect exists prune kill logs mount unmount umount pause port rename restart rm remove start stats stop top unpause update wait" -f -a "prune" -d 'Remove all stopped containers'
complete -c coracle -n "__fish_coracle_using_subcommand container; and not __fish_seen_subcommand_from run exec ls list ps attach commit cp create diff export inspect exists prune kill logs mount unmount umount pause port rename restart rm remove start stats stop top unpause update wait" -f -a "kill" -d 'Kill one or more running containers'
complete -c coracle -n "__fish_coracle_using_subcommand container; and not __fish_seen_subcommand_from run exec ls list ps attach commit cp create diff export inspect exists prune kill logs mount unmount umount pause port rename restart rm remove start stats stop top unpause update wait" -f -a "logs" -d 'Fetch the logs of a container'
complete -c coracle -n "__fish_coracle_using_subcommand container; and not __fish_seen_subcommand_from run exec ls list ps attach commit cp create diff export inspect exists prune kill logs mount unmount umount pause port rename restart rm remove start stats stop top unpause update wait" -f -a "mount" -d 'Mount the root file systems of containers and print the paths  Works within `unshare`. One that runs has a path already. A container that is mounted cannot be started or removed. Without containers, what is mounted is listed.'
complete -c coracle -n "__fish_coracle_using_subcommand container; and not __fish_seen_subcommand_from run exec ls list ps attach commit cp create diff export inspect exists prune kill logs mount unmount umount pause port rename restart rm remove start stats stop top unpause update wait" -f -a "unmount" -d 'Unmount the root file systems of containers  Works within `unshare`. What a container runs on stays.'
complete -c coracle -n "__fish_coracle_using_subcommand container; and not __fish_seen_subcommand_from run exec ls list ps attach commit cp create diff export inspect exists prune kill logs mount unmount umount pause port rename restart rm remove start stats stop top unpause update wait" -f -a "umount" -d 'Unmount the root file systems of containers  Works within `unshare`. What a container runs on stays.'
complete -c coracle -n "__fish_coracle_using_subcommand container; and not __fish_seen_subcommand_from run exec ls list ps attach commit cp create diff export inspect exists prune kill logs mount unmount umount pause port rename restart rm remove start stats stop top unpause update wait" -f -a "pause" -d 'Pause all processes within one or more containers'
complete -c coracle -n "__fish_coracle_using_subcommand container; and not __fish_seen_subcommand_from run exec ls list ps attach commit cp create diff export inspect exists prune kill logs mount unmount umount pause port rename restart rm remove start stats stop top unpause update wait" -f -a "port" -d 'List port mappings or a specific mapping for the container'
complete -c coracle -n "__fish_coracle_using_subcommand container; and not __fish_seen_subcommand_from run exec ls list ps attach commit cp create diff export inspect exists prune kill logs mount unmount umount pause port rename restart rm remove start stats stop top unpause update wait" -f -a "rename" -d 'Rename a container'
complete -c coracle -n "__fish_coracle_using_subcommand container; and not __fish_seen_subcommand_from run exec ls list ps attach commit cp create diff export inspect exists prune kill logs mount unmount umount pause port rename restart rm remove start stats stop top unpause update wait" -f -a "restart" -d 'Restart one or more containers'
complete -c coracle -n "__fish_coracle_using_subcommand container; and not __fish_seen_subcommand_from run exec ls list ps attach commit cp create diff export inspect exists prune kill logs mount unmount umount pause port rename restart rm remove start stats stop top unpause update wait" -f -a "rm" -d 'Remove one or more containers'
complete -c coracle -n "__fish_coracle_using_subcommand container; and not __fish_seen_subcommand_from run exec ls list ps attach commit cp create diff export inspect exists prune kill logs mount unmount umount pause port rename restart rm remove start stats stop top unpause update wait" -f -a "remove" -d 'Remove one or more containers'
complete -c coracle -n "__fish_coracle_using_subcommand container; and not __fish_seen_subcommand_from run exec ls list ps attach commit cp create diff export inspect exists prune kill logs mount unmount umount pause port rename restart rm remove start stats stop top unpause update wait" -f -a "start" -d 'Start one or more stopped containers'
complete -c coracle -n "__fish_coracle_using_subcommand container; and not __fish_seen_subcommand_from run exec ls list ps attach commit cp create diff export inspect exists prune kill logs mount unmount umount pause port rename restart rm remove start stats stop top unpause update wait" -f -a "stats" -d 'Display a live stream of container(s) resource usage statistics'
complete -c coracle -n "__fish_coracle_using_subcommand container; and not __fish_seen_subcommand_from run exec ls list ps attach commit cp create diff export inspect exists prune kill logs mount unmount umount pause port rename restart rm remove start stats stop top unpause update wait" -f -a "stop" -d 'Stop one or more running containers'
complete -c coracle -n "__fish_coracle_using_subcommand container; and not __fish_seen_subcommand_from run exec ls list ps attach commit cp create diff export inspect exists prune kill logs mount unmount umount pause port rename restart rm remove start stats stop top unpause update wait" -f -a "top" -d 'Display the running processes of a container'
complete -c coracle -n "__fish_coracle_using_subcommand container; and not __fish_seen_subcommand_from run exec ls list ps attach commit cp create diff export inspect exists prune kill logs mount unmount umount pause port rename restart rm remove start stats stop top unpause update wait" -f -a "unpause" -d 'Unpause all processes within one or more containers'
complete -c coracle -n "__fish_coracle_using_subcommand container; and not __fish_seen_subcommand_from run exec ls list ps attach commit cp create diff export inspect exists prune kill logs mount unmount umount pause port rename restart rm remove start stats stop top unpause update wait" -f -a "update" -d 'Update configuration of one or more containers'
complete -c coracle -n "__fish_coracle_using_subcommand container; and not __fish_seen_subcommand_from run exec ls list ps attach commit cp create diff export inspect exists prune kill logs mount unmount umount pause port rename restart rm remove start stats stop top unpause update wait" -f -a "wait" -d 'Block until one or more containers stop, then print their exit codes'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l add-host -d 'Add a custom host-to-IP mapping (host:ip)' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l annotation -d 'Add an annotation to the container' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -s a -l attach -d 'Attach to STDIN, STDOUT or STDERR' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l cap-add -d 'Add Linux capabilities' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l cap-drop -d 'Drop Linux capabilities' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l cgroupns -d 'Cgroup namespace to use (host|private)' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l cidfile -d 'Write the container ID to the file' -r -F
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l device -d 'Add a host device to the container' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l dns -d 'Set custom DNS servers' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l dns-option -d 'Set DNS options' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l dns-search -d 'Set custom DNS search domains' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l domainname -d 'Container NIS domain name' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l entrypoint -d 'Overwrite the default ENTRYPOINT of the image' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -s e -l env -d 'Set environment variables' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l env-file -d 'Read in a file of environment variables' -r -F
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l group-add -d 'Add additional groups to join' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l gidmap -d 'GID map of the user namespace ([u|g][+]CONTAINER:[@]OUTSIDE[:COUNT])' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l health-cmd -d 'Command to run to check health' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l health-interval -d 'Time between running the check (ms|s|m|h)' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l health-on-failure -d 'What to do with a container that becomes unhealthy (none|kill|restart|stop)' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l health-retries -d 'Consecutive failures needed to report unhealthy' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l health-start-interval -d 'Time between running the check during the start period (ms|s|m|h)' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l health-start-period -d 'Start period for the container to initialize before starting health-retries countdown (ms|s|m|h)' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l health-timeout -d 'Maximum time to allow one check to run (ms|s|m|h)' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -s h -l hostname -d 'Container host name' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l ipc -d 'IPC mode to use' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -s l -l label -d 'Set meta data on a container' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l label-file -d 'Read in a line delimited file of labels' -r -F
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l log-driver -d 'Logging driver for the container (json-file|local|none)' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l log-opt -d 'Log driver options' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l mount -d 'Attach a filesystem mount to the container' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l name -d 'Assign a name to the container' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l network -d 'Connect a container to a network (host|none)' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l oom-score-adj -d 'Tune host\'s OOM preferences (-1000 to 1000)' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l pid -d 'PID namespace to use' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l platform -d 'Set platform if server is multi-platform capable' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l pull -d 'Pull image before running ("always", "missing", "never", "newer")' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l restart -d 'Restart policy to apply when a container exits' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l security-opt -d 'Security options (seccomp=FILE|unconfined, no-new-privileges, systempaths=unconfined)' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l shm-size -d 'Size of /dev/shm' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l stop-signal -d 'Signal to stop the container' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l stop-timeout -d 'Timeout (in seconds) to stop a container' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l storage-opt -d 'How the container writes to its root file system (overlay=hybrid|full|unpacked)' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l sysctl -d 'Sysctl options' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l tmpfs -d 'Mount a tmpfs directory' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l subgidname -d 'Name in /etc/subgid whose ids the container is to have' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l subuidname -d 'Name in /etc/subuid whose ids the container is to have' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l uidmap -d 'UID map of the user namespace ([u|g][+]CONTAINER:[@]OUTSIDE[:COUNT])' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l ulimit -d 'Ulimit options' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -s u -l user -d 'Username or UID (format: <name|uid>[:<group|gid>])' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l userns -d 'User namespace to use (host|private|keep-id[:uid=,gid=,size=]|auto[:size=,uidmapping=,gidmapping=]|nomap|container:NAME)' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l uts -d 'UTS namespace to use' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -s v -l volume -d 'Bind mount a volume, or a directory or file of the host' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l volume-driver -d 'Driver of the volumes that are made (local)' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l volumes-from -d 'Mount volumes from the specified container(s)' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -s w -l workdir -d 'Working directory inside the container' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l blkio-weight -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l blkio-weight-device -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l cgroup-parent -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l cpu-count -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l cpu-percent -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l cpu-period -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l cpu-quota -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l cpu-rt-period -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l cpu-rt-runtime -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -s c -l cpu-shares -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l cpus -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l cpuset-cpus -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l cpuset-mems -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l device-cgroup-rule -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l device-read-bps -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l device-read-iops -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l device-write-bps -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l device-write-iops -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l expose -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l gpus -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l io-maxbandwidth -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l io-maxiops -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l ip -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l ip6 -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l isolation -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l kernel-memory -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l link -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l link-local-ip -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l mac-address -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -s m -l memory -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l memory-reservation -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l memory-swap -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l memory-swappiness -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l network-alias -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l pids-limit -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -s p -l publish -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l runtime -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l detach-keys -d 'Override the key sequence for detaching a container' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l init -d 'Run an init inside the container that forwards signals and reaps processes'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -s i -l interactive -d 'Keep STDIN open even if not attached'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l no-healthcheck -d 'Disable any container-specified HEALTHCHECK'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l privileged -d 'Give extended privileges to this container'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -s q -l quiet -d 'Suppress the pull output'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l read-only -d 'Mount the container\'s root filesystem as read only'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l replace -d 'Stop and remove the container that has the name, if there is one'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l rm -d 'Automatically remove the container and its associated anonymous volumes when it exits'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -s t -l tty -d 'Allocate a pseudo-TTY'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l disable-content-trust -d 'No image is verified by Docker\'s retired content trust'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l oom-kill-disable
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -s P -l publish-all
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l use-api-socket
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -s d -l detach -d 'Run container in background and print container ID'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from run" -l sig-proxy -d 'Proxy received signals to the process'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from exec" -l detach-keys -d 'Override the key sequence for detaching a container' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from exec" -s e -l env -d 'Set environment variables' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from exec" -l env-file -d 'Read in a file of environment variables' -r -F
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from exec" -s u -l user -d 'Username or UID (format: "<name|uid>[:<group|gid>]")' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from exec" -s w -l workdir -d 'Working directory inside the container' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from exec" -s d -l detach -d 'Detached mode: run command in the background'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from exec" -s i -l interactive -d 'Keep STDIN open even if not attached'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from exec" -s l -l latest -d 'Act on the container created last'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from exec" -l privileged -d 'Give extended privileges to the command'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from exec" -s t -l tty -d 'Allocate a pseudo-TTY'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from ls" -s f -l filter -d 'Filter output based on conditions provided' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from ls" -l format -d 'Format output using a custom template: \'table\':            Print output in table format with column headers (default) \'table TEMPLATE\':   Print output in table format using the given Go template \'json\':             Print in JSON format \'TEMPLATE\':         Print output using the given Go template. Refer to https://docs.docker.com/go/formatting/ for more information about formatting output with templates' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from ls" -s n -l last -d 'Show n last created containers (includes all states)' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from ls" -l sort -d 'Sort by "command", "created", "id", "image", "names", "runningfor", "size" or "status"' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from ls" -s a -l all -d 'Show all containers (default shows just running)'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from ls" -s l -l latest -d 'Show the latest created container (includes all states)'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from ls" -l no-trunc -d 'Don\'t truncate output'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from ls" -s q -l quiet -d 'Only display container IDs'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from ls" -s s -l size -d 'Display total file sizes'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from list" -s f -l filter -d 'Filter output based on conditions provided' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from list" -l format -d 'Format output using a custom template: \'table\':            Print output in table format with column headers (default) \'table TEMPLATE\':   Print output in table format using the given Go template \'json\':             Print in JSON format \'TEMPLATE\':         Print output using the given Go template. Refer to https://docs.docker.com/go/formatting/ for more information about formatting output with templates' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from list" -s n -l last -d 'Show n last created containers (includes all states)' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from list" -l sort -d 'Sort by "command", "created", "id", "image", "names", "runningfor", "size" or "status"' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from list" -s a -l all -d 'Show all containers (default shows just running)'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from list" -s l -l latest -d 'Show the latest created container (includes all states)'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from list" -l no-trunc -d 'Don\'t truncate output'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Only display container IDs'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from list" -s s -l size -d 'Display total file sizes'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from ps" -s f -l filter -d 'Filter output based on conditions provided' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from ps" -l format -d 'Format output using a custom template: \'table\':            Print output in table format with column headers (default) \'table TEMPLATE\':   Print output in table format using the given Go template \'json\':             Print in JSON format \'TEMPLATE\':         Print output using the given Go template. Refer to https://docs.docker.com/go/formatting/ for more information about formatting output with templates' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from ps" -s n -l last -d 'Show n last created containers (includes all states)' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from ps" -l sort -d 'Sort by "command", "created", "id", "image", "names", "runningfor", "size" or "status"' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from ps" -s a -l all -d 'Show all containers (default shows just running)'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from ps" -s l -l latest -d 'Show the latest created container (includes all states)'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from ps" -l no-trunc -d 'Don\'t truncate output'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from ps" -s q -l quiet -d 'Only display container IDs'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from ps" -s s -l size -d 'Display total file sizes'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from attach" -l detach-keys -d 'Override the key sequence for detaching a container' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from attach" -s l -l latest -d 'Act on the container created last'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from attach" -l no-stdin -d 'Do not attach STDIN'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from attach" -l sig-proxy -d 'Proxy all received signals to the process'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from commit" -s a -l author -d 'Author (e.g., "John Hannibal Smith <hannibal@a-team.com>")' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from commit" -s c -l change -d 'Apply Dockerfile instruction to the created image' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from commit" -s m -l message -d 'Commit message' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from commit" -l no-pause -d 'Disable pausing container during commit'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from commit" -s p -l pause -d 'Pause container during commit'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from commit" -s q -l quiet -d 'Print nothing but the id, as is done anyway'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from cp" -s a -l archive -d 'Archive mode (copy all uid/gid information)'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from cp" -s L -l follow-link -d 'Always follow symlinks in SRC_PATH'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from cp" -s q -l quiet -d 'Suppress progress output during copy. Progress output is automatically suppressed if no terminal is attached'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l add-host -d 'Add a custom host-to-IP mapping (host:ip)' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l annotation -d 'Add an annotation to the container' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -s a -l attach -d 'Attach to STDIN, STDOUT or STDERR' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l cap-add -d 'Add Linux capabilities' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l cap-drop -d 'Drop Linux capabilities' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l cgroupns -d 'Cgroup namespace to use (host|private)' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l cidfile -d 'Write the container ID to the file' -r -F
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l device -d 'Add a host device to the container' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l dns -d 'Set custom DNS servers' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l dns-option -d 'Set DNS options' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l dns-search -d 'Set custom DNS search domains' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l domainname -d 'Container NIS domain name' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l entrypoint -d 'Overwrite the default ENTRYPOINT of the image' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -s e -l env -d 'Set environment variables' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l env-file -d 'Read in a file of environment variables' -r -F
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l group-add -d 'Add additional groups to join' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l gidmap -d 'GID map of the user namespace ([u|g][+]CONTAINER:[@]OUTSIDE[:COUNT])' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l health-cmd -d 'Command to run to check health' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l health-interval -d 'Time between running the check (ms|s|m|h)' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l health-on-failure -d 'What to do with a container that becomes unhealthy (none|kill|restart|stop)' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l health-retries -d 'Consecutive failures needed to report unhealthy' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l health-start-interval -d 'Time between running the check during the start period (ms|s|m|h)' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l health-start-period -d 'Start period for the container to initialize before starting health-retries countdown (ms|s|m|h)' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l health-timeout -d 'Maximum time to allow one check to run (ms|s|m|h)' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -s h -l hostname -d 'Container host name' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l ipc -d 'IPC mode to use' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -s l -l label -d 'Set meta data on a container' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l label-file -d 'Read in a line delimited file of labels' -r -F
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l log-driver -d 'Logging driver for the container (json-file|local|none)' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l log-opt -d 'Log driver options' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l mount -d 'Attach a filesystem mount to the container' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l name -d 'Assign a name to the container' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l network -d 'Connect a container to a network (host|none)' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l oom-score-adj -d 'Tune host\'s OOM preferences (-1000 to 1000)' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l pid -d 'PID namespace to use' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l platform -d 'Set platform if server is multi-platform capable' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l pull -d 'Pull image before running ("always", "missing", "never", "newer")' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l restart -d 'Restart policy to apply when a container exits' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l security-opt -d 'Security options (seccomp=FILE|unconfined, no-new-privileges, systempaths=unconfined)' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l shm-size -d 'Size of /dev/shm' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l stop-signal -d 'Signal to stop the container' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l stop-timeout -d 'Timeout (in seconds) to stop a container' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l storage-opt -d 'How the container writes to its root file system (overlay=hybrid|full|unpacked)' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l sysctl -d 'Sysctl options' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l tmpfs -d 'Mount a tmpfs directory' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l subgidname -d 'Name in /etc/subgid whose ids the container is to have' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l subuidname -d 'Name in /etc/subuid whose ids the container is to have' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l uidmap -d 'UID map of the user namespace ([u|g][+]CONTAINER:[@]OUTSIDE[:COUNT])' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l ulimit -d 'Ulimit options' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -s u -l user -d 'Username or UID (format: <name|uid>[:<group|gid>])' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l userns -d 'User namespace to use (host|private|keep-id[:uid=,gid=,size=]|auto[:size=,uidmapping=,gidmapping=]|nomap|container:NAME)' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l uts -d 'UTS namespace to use' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -s v -l volume -d 'Bind mount a volume, or a directory or file of the host' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l volume-driver -d 'Driver of the volumes that are made (local)' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l volumes-from -d 'Mount volumes from the specified container(s)' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -s w -l workdir -d 'Working directory inside the container' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l blkio-weight -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l blkio-weight-device -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l cgroup-parent -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l cpu-count -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l cpu-percent -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l cpu-period -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l cpu-quota -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l cpu-rt-period -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l cpu-rt-runtime -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -s c -l cpu-shares -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l cpus -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l cpuset-cpus -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l cpuset-mems -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l device-cgroup-rule -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l device-read-bps -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l device-read-iops -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l device-write-bps -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l device-write-iops -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l expose -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l gpus -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l io-maxbandwidth -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l io-maxiops -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l ip -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l ip6 -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l isolation -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l kernel-memory -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l link -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l link-local-ip -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l mac-address -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -s m -l memory -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l memory-reservation -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l memory-swap -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l memory-swappiness -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l network-alias -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l pids-limit -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -s p -l publish -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l runtime -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l init -d 'Run an init inside the container that forwards signals and reaps processes'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -s i -l interactive -d 'Keep STDIN open even if not attached'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l no-healthcheck -d 'Disable any container-specified HEALTHCHECK'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l privileged -d 'Give extended privileges to this container'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -s q -l quiet -d 'Suppress the pull output'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l read-only -d 'Mount the container\'s root filesystem as read only'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l replace -d 'Stop and remove the container that has the name, if there is one'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l rm -d 'Automatically remove the container and its associated anonymous volumes when it exits'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -s t -l tty -d 'Allocate a pseudo-TTY'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l disable-content-trust -d 'No image is verified by Docker\'s retired content trust'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l oom-kill-disable
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -s P -l publish-all
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from create" -l use-api-socket
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from export" -s o -l output -d 'Write to a file, instead of STDOUT' -r -F
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from inspect" -s f -l format -d 'Format output using a custom template: \'json\':             Print in JSON format \'TEMPLATE\':         Print output using the given Go template. Refer to https://docs.docker.com/go/formatting/ for more information about formatting output with templates' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from inspect" -s s -l size -d 'Display total file sizes'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from inspect" -s l -l latest -d 'Show the container created last'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from prune" -l filter -d 'Provide filter values (e.g. "until=<timestamp>")' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from prune" -s f -l force -d 'Do not prompt for confirmation'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from kill" -s s -l signal -d 'Signal to send to the container' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from kill" -s a -l all -d 'Act on all running containers'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from kill" -s l -l latest -d 'Act on the container created last'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from logs" -l since -d 'Show logs since timestamp (e.g. "2013-01-02T13:23:37Z") or relative (e.g. "42m" for 42 minutes)' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from logs" -s n -l tail -d 'Number of lines to show from the end of the logs' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from logs" -l until -d 'Show logs before a timestamp (e.g. "2013-01-02T13:23:37Z") or relative (e.g. "42m" for 42 minutes)' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from logs" -l color -d 'Give every container\'s lines a colour of their own'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from logs" -l details -d 'Show extra details provided to logs'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from logs" -s f -l follow -d 'Follow log output'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from logs" -s l -l latest -d 'Act on the container created last'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from logs" -l names -d 'Show the container\'s name before every line'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from logs" -s t -l timestamps -d 'Show timestamps'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from mount" -l format -d 'Print the mounts in another format (json)' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from mount" -s a -l all -d 'Mount all containers'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from mount" -s l -l latest -d 'Act on the container created last'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from mount" -l no-trunc -d 'Don\'t truncate ids'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from unmount" -s a -l all -d 'Unmount all containers'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from unmount" -s f -l force -d 'Unmount what is in use, too'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from unmount" -s l -l latest -d 'Act on the container created last'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from umount" -s a -l all -d 'Unmount all containers'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from umount" -s f -l force -d 'Unmount what is in use, too'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from umount" -s l -l latest -d 'Act on the container created last'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from pause" -s a -l all -d 'Act on all running containers'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from pause" -s l -l latest -d 'Act on the container created last'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from port" -s l -l latest -d 'Act on the container created last'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from restart" -s s -l signal -d 'Signal to send to the container' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from restart" -s t -l timeout -d 'Seconds to wait before killing the container' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from restart" -s a -l all -d 'Act on all containers'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from restart" -s l -l latest -d 'Act on the container created last'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from restart" -l running -d 'With --all: only those that run'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from rm" -s a -l all -d 'Act on all containers'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from rm" -s f -l force -d 'Force the removal of a running container (uses SIGKILL)'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from rm" -s i -l ignore -d 'Pass over containers that do not exist'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from rm" -l latest -d 'Act on the container created last'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from rm" -s l -l link -d 'Remove the specified link'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from rm" -s v -l volumes -d 'Remove anonymous volumes associated with the container'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from remove" -s a -l all -d 'Act on all containers'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from remove" -s f -l force -d 'Force the removal of a running container (uses SIGKILL)'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from remove" -s i -l ignore -d 'Pass over containers that do not exist'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from remove" -l latest -d 'Act on the container created last'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from remove" -s l -l link -d 'Remove the specified link'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from remove" -s v -l volumes -d 'Remove anonymous volumes associated with the container'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from start" -l checkpoint -d 'Restore from this checkpoint' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from start" -l checkpoint-dir -d 'Use a custom checkpoint storage directory' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from start" -l detach-keys -d 'Override the key sequence for detaching a container' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from start" -l all -d 'Act on all containers that do not run'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from start" -s a -l attach -d 'Attach STDOUT/STDERR and forward signals'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from start" -s i -l interactive -d 'Attach container\'s STDIN'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from start" -s l -l latest -d 'Act on the container created last'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from stats" -l format -d 'Format output using a custom template: \'table\':            Print output in table format with column headers (default) \'table TEMPLATE\':   Print output in table format using the given Go template \'json\':             Print in JSON format \'TEMPLATE\':         Print output using the given Go template. Refer to https://docs.docker.com/go/formatting/ for more information about formatting output with templates' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from stats" -s a -l all -d 'Show all containers (default shows just running)'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from stats" -l no-stream -d 'Disable streaming stats and only pull the first result'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from stats" -l no-trunc -d 'Do not truncate output'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from stop" -s s -l signal -d 'Signal to send to the container' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from stop" -s t -l timeout -d 'Seconds to wait before killing the container' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from stop" -s a -l all -d 'Act on all running containers'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from stop" -s i -l ignore -d 'Pass over containers that do not exist'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from stop" -s l -l latest -d 'Act on the container created last'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from top" -s l -l latest -d 'Act on the container created last'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from unpause" -s a -l all -d 'Act on all paused containers'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from unpause" -s l -l latest -d 'Act on the container created last'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from update" -l restart -d 'Restart policy to apply when a container exits' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from update" -l blkio-weight -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from update" -l cpu-period -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from update" -l cpu-quota -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from update" -l cpu-rt-period -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from update" -l cpu-rt-runtime -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from update" -s c -l cpu-shares -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from update" -l cpus -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from update" -l cpuset-cpus -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from update" -l cpuset-mems -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from update" -s m -l memory -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from update" -l memory-reservation -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from update" -l memory-swap -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from update" -l pids-limit -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from wait" -l condition -d 'Wait for one of these states: created, running, paused, stopped, exited' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from wait" -s i -l interval -d 'How often to look for a condition that nothing tells of (a duration, or milliseconds)' -r
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from wait" -l exit-first-match -d 'Return as soon as one of the containers is there, and print its exit code alone'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from wait" -l ignore -d 'Print -1 for a container that does not exist'
complete -c coracle -n "__fish_coracle_using_subcommand container; and __fish_seen_subcommand_from wait" -s l -l latest -d 'Act on the container created last'
complete -c coracle -n "__fish_coracle_using_subcommand healthcheck; and not __fish_seen_subcommand_from run" -f -a "run" -d 'Run the health check of a container now'
complete -c coracle -n "__fish_coracle_using_subcommand healthcheck; and __fish_seen_subcommand_from run" -l ignore-result -d 'Exit with status 0 whatever comes of the check'
complete -c coracle -n "__fish_coracle_using_subcommand image; and not __fish_seen_subcommand_from pull push ls list history import inspect exists prune load mount unmount umount rm remove save tag" -f -a "pull" -d 'Download an image from a registry'
complete -c coracle -n "__fish_coracle_using_subcommand image; and not __fish_seen_subcommand_from pull push ls list history import inspect exists prune load mount unmount umount rm remove save tag" -f -a "push" -d 'Upload an image to a registry'
complete -c coracle -n "__fish_coracle_using_subcommand image; and not __fish_seen_subcommand_from pull push ls list history import inspect exists prune load mount unmount umount rm remove save tag" -f -a "ls" -d 'List images'
complete -c coracle -n "__fish_coracle_using_subcommand image; and not __fish_seen_subcommand_from pull push ls list history import inspect exists prune load mount unmount umount rm remove save tag" -f -a "list" -d 'List images'
complete -c coracle -n "__fish_coracle_using_subcommand image; and not __fish_seen_subcommand_from pull push ls list history import inspect exists prune load mount unmount umount rm remove save tag" -f -a "history" -d 'Show the history of an image'
complete -c coracle -n "__fish_coracle_using_subcommand image; and not __fish_seen_subcommand_from pull push ls list history import inspect exists prune load mount unmount umount rm remove save tag" -f -a "import" -d 'Import the contents from a tarball to create a filesystem image'
complete -c coracle -n "__fish_coracle_using_subcommand image; and not __fish_seen_subcommand_from pull push ls list history import inspect exists prune load mount unmount umount rm remove save tag" -f -a "inspect" -d 'Display detailed information on one or more images'
complete -c coracle -n "__fish_coracle_using_subcommand image; and not __fish_seen_subcommand_from pull push ls list history import inspect exists prune load mount unmount umount rm remove save tag" -f -a "exists" -d 'Check if an image exists (status 0: yes, 1: no, 125: something went wrong)'
complete -c coracle -n "__fish_coracle_using_subcommand image; and not __fish_seen_subcommand_from pull push ls list history import inspect exists prune load mount unmount umount rm remove save tag" -f -a "prune" -d 'Remove unused images'
complete -c coracle -n "__fish_coracle_using_subcommand image; and not __fish_seen_subcommand_from pull push ls list history import inspect exists prune load mount unmount umount rm remove save tag" -f -a "load" -d 'Load an image from a tar archive or STDIN'
complete -c coracle -n "__fish_coracle_using_subcommand image; and not __fish_seen_subcommand_from pull push ls list history import inspect exists prune load mount unmount umount rm remove save tag" -f -a "mount" -d 'Mount images, read-only, and print the paths  Works within `unshare`. Without images, what is mounted is listed.'
complete -c coracle -n "__fish_coracle_using_subcommand image; and not __fish_seen_subcommand_from pull push ls list history import inspect exists prune load mount unmount umount rm remove save tag" -f -a "unmount" -d 'Unmount images  Works within `unshare`.'
complete -c coracle -n "__fish_coracle_using_subcommand image; and not __fish_seen_subcommand_from pull push ls list history import inspect exists prune load mount unmount umount rm remove save tag" -f -a "umount" -d 'Unmount images  Works within `unshare`.'
complete -c coracle -n "__fish_coracle_using_subcommand image; and not __fish_seen_subcommand_from pull push ls list history import inspect exists prune load mount unmount umount rm remove save tag" -f -a "rm" -d 'Remove one or more images'
complete -c coracle -n "__fish_coracle_using_subcommand image; and not __fish_seen_subcommand_from pull push ls list history import inspect exists prune load mount unmount umount rm remove save tag" -f -a "remove" -d 'Remove one or more images'
complete -c coracle -n "__fish_coracle_using_subcommand image; and not __fish_seen_subcommand_from pull push ls list history import inspect exists prune load mount unmount umount rm remove save tag" -f -a "save" -d 'Save one or more images to a tar archive (streamed to STDOUT by default)'
complete -c coracle -n "__fish_coracle_using_subcommand image; and not __fish_seen_subcommand_from pull push ls list history import inspect exists prune load mount unmount umount rm remove save tag" -f -a "tag" -d 'Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE'
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from pull" -l policy -d 'When to download ("always", "missing", "never", "newer")' -r
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from pull" -l platform -d 'Set platform if server is multi-platform capable' -r
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from pull" -s a -l all-tags -d 'Download all tagged images in the repository'
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from pull" -l disable-content-trust -d 'No image is verified by Docker\'s retired content trust'
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from pull" -s q -l quiet -d 'Suppress verbose output'
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from push" -l platform -d 'Push a platform-specific manifest as a single-platform image to the registry' -r
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from push" -s a -l all-tags -d 'Push all tags of an image to the repository'
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from push" -l disable-content-trust -d 'No image is signed by Docker\'s retired content trust'
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from push" -s q -l quiet -d 'Suppress verbose output'
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from ls" -s f -l filter -d 'Filter output based on conditions provided' -r
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from ls" -l format -d 'Format output using a custom template: \'table\':            Print output in table format with column headers (default) \'table TEMPLATE\':   Print output in table format using the given Go template \'json\':             Print in JSON format \'TEMPLATE\':         Print output using the given Go template. Refer to https://docs.docker.com/go/formatting/ for more information about formatting output with templates' -r
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from ls" -l sort -d 'Sort by "created" (newest first), "id", "repository", "size" or "tag"' -r
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from ls" -s a -l all -d 'Show all images (default hides intermediate images)'
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from ls" -l digests -d 'Show digests'
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from ls" -l no-trunc -d 'Don\'t truncate output'
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from ls" -s q -l quiet -d 'Only show image IDs'
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from ls" -l tree -d 'List multi-platform images as a tree'
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from list" -s f -l filter -d 'Filter output based on conditions provided' -r
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from list" -l format -d 'Format output using a custom template: \'table\':            Print output in table format with column headers (default) \'table TEMPLATE\':   Print output in table format using the given Go template \'json\':             Print in JSON format \'TEMPLATE\':         Print output using the given Go template. Refer to https://docs.docker.com/go/formatting/ for more information about formatting output with templates' -r
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from list" -l sort -d 'Sort by "created" (newest first), "id", "repository", "size" or "tag"' -r
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from list" -s a -l all -d 'Show all images (default hides intermediate images)'
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from list" -l digests -d 'Show digests'
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from list" -l no-trunc -d 'Don\'t truncate output'
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Only show image IDs'
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from list" -l tree -d 'List multi-platform images as a tree'
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from history" -l format -d 'Format output using a custom template: \'table\':            Print output in table format with column headers (default) \'table TEMPLATE\':   Print output in table format using the given Go template \'json\':             Print in JSON format \'TEMPLATE\':         Print output using the given Go template. Refer to https://docs.docker.com/go/formatting/ for more information about formatting output with templates' -r
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from history" -l platform -d 'Show history for the given platform. Formatted as "os[/arch[/variant]]" (e.g., "linux/amd64")' -r
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from history" -s H -l human -d 'Print sizes and dates in human readable format'
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from history" -l no-trunc -d 'Don\'t truncate output'
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from history" -s q -l quiet -d 'Only show image IDs'
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from import" -s c -l change -d 'Apply Dockerfile instruction to the created image' -r
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from import" -s m -l message -d 'Set commit message for imported image' -r
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from import" -l platform -d 'Set platform if server is multi-platform capable' -r
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from inspect" -s f -l format -d 'Format output using a custom template: \'json\':             Print in JSON format \'TEMPLATE\':         Print output using the given Go template. Refer to https://docs.docker.com/go/formatting/ for more information about formatting output with templates' -r
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from inspect" -l platform -d 'Inspect a specific platform of the multi-platform image' -r
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from prune" -l filter -d 'Provide filter values (e.g. "until=<timestamp>")' -r
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from prune" -s a -l all -d 'Remove all unused images, not just dangling ones'
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from prune" -s f -l force -d 'Do not prompt for confirmation'
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from load" -s i -l input -d 'Read from tar archive file, instead of STDIN' -r -F
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from load" -l platform -d 'Load only the given platform variant. Formatted as "os[/arch[/variant]]" (e.g., "linux/amd64")' -r
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from load" -s q -l quiet -d 'Suppress the load output'
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from mount" -l format -d 'Print the mounts in another format (json)' -r
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from mount" -s a -l all -d 'Mount all images'
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from unmount" -s a -l all -d 'Unmount all images'
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from unmount" -s f -l force -d 'Unmount what is in use, too'
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from umount" -s a -l all -d 'Unmount all images'
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from umount" -s f -l force -d 'Unmount what is in use, too'
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from rm" -l platform -d 'Remove only the given platform variant' -r
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from rm" -s a -l all -d 'Remove all images'
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from rm" -s f -l force -d 'Force removal of the image'
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from rm" -s i -l ignore -d 'Pass over images that do not exist'
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from rm" -l no-prune -d 'Do not delete untagged parents'
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from remove" -l platform -d 'Remove only the given platform variant' -r
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from remove" -s a -l all -d 'Remove all images'
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from remove" -s f -l force -d 'Force removal of the image'
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from remove" -s i -l ignore -d 'Pass over images that do not exist'
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from remove" -l no-prune -d 'Do not delete untagged parents'
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from save" -s o -l output -d 'Write to a file, instead of STDOUT' -r -F
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from save" -l platform -d 'Save only the given platform variant. Formatted as "os[/arch[/variant]]" (e.g., "linux/amd64")' -r
complete -c coracle -n "__fish_coracle_using_subcommand image; and __fish_seen_subcommand_from save" -l format -d 'Write a docker-archive, which OCI tools read too, or an oci-archive' -r
complete -c coracle -n "__fish_coracle_using_subcommand system; and not __fish_seen_subcommand_from info events prune df" -f -a "info" -d 'Display system-wide information'
complete -c coracle -n "__fish_coracle_using_subcommand system; and not __fish_seen_subcommand_from info events prune df" -f -a "events" -d 'Get real time events from the server'
complete -c coracle -n "__fish_coracle_using_subcommand system; and not __fish_seen_subcommand_from info events prune df" -f -a "prune" -d 'Remove unused data'
complete -c coracle -n "__fish_coracle_using_subcommand system; and not __fish_seen_subcommand_from info events prune df" -f -a "df" -d 'Show coracle disk usage'
complete -c coracle -n "__fish_coracle_using_subcommand system; and __fish_seen_subcommand_from info" -s f -l format -d 'Format output using a custom template: \'json\':             Print in JSON format \'TEMPLATE\':         Print output using the given Go template. Refer to https://docs.docker.com/go/formatting/ for more information about formatting output with templates' -r
complete -c coracle -n "__fish_coracle_using_subcommand system; and __fish_seen_subcommand_from events" -s f -l filter -d 'Filter output based on conditions provided' -r
complete -c coracle -n "__fish_coracle_using_subcommand system; and __fish_seen_subcommand_from events" -l format -d 'Format output using a custom template: \'json\':             Print in JSON format \'TEMPLATE\':         Print output using the given Go template. Refer to https://docs.docker.com/go/formatting/ for more information about formatting output with templates' -r
complete -c coracle -n "__fish_coracle_using_subcommand system; and __fish_seen_subcommand_from events" -l since -d 'Show all events created since timestamp' -r
complete -c coracle -n "__fish_coracle_using_subcommand system; and __fish_seen_subcommand_from events" -l until -d 'Stream events until this timestamp' -r
complete -c coracle -n "__fish_coracle_using_subcommand system; and __fish_seen_subcommand_from prune" -l filter -d 'Provide filter values (e.g. "label=<key>=<value>")' -r
complete -c coracle -n "__fish_coracle_using_subcommand system; and __fish_seen_subcommand_from prune" -s a -l all -d 'Remove all unused images not just dangling ones'
complete -c coracle -n "__fish_coracle_using_subcommand system; and __fish_seen_subcommand_from prune" -s f -l force -d 'Do not prompt for confirmation'
complete -c coracle -n "__fish_coracle_using_subcommand system; and __fish_seen_subcommand_from prune" -l volumes -d 'Prune anonymous volumes'
complete -c coracle -n "__fish_coracle_using_subcommand system; and __fish_seen_subcommand_from df" -l format -d 'Format output using a custom template: \'table\':            Print output in table format with column headers (default) \'table TEMPLATE\':   Print output in table format using the given Go template \'json\':             Print in JSON format \'TEMPLATE\':         Print output using the given Go template. Refer to https://docs.docker.com/go/formatting/ for more information about formatting output with templates' -r
complete -c coracle -n "__fish_coracle_using_subcommand system; and __fish_seen_subcommand_from df" -s v -l verbose -d 'Show detailed information on space usage'
complete -c coracle -n "__fish_coracle_using_subcommand volume; and not __fish_seen_subcommand_from mount unmount umount create exists export import inspect ls list prune rm remove" -f -a "mount" -d 'Print the paths of volumes  Works within `unshare`, where their files belong to whom they belong to in containers.'
complete -c coracle -n "__fish_coracle_using_subcommand volume; and not __fish_seen_subcommand_from mount unmount umount create exists export import inspect ls list prune rm remove" -f -a "unmount" -d 'Be done with the paths of volumes  Works within `unshare`. A volume is a directory: there is nothing to unmount, and its files stay.'
complete -c coracle -n "__fish_coracle_using_subcommand volume; and not __fish_seen_subcommand_from mount unmount umount create exists export import inspect ls list prune rm remove" -f -a "umount" -d 'Be done with the paths of volumes  Works within `unshare`. A volume is a directory: there is nothing to unmount, and its files stay.'
complete -c coracle -n "__fish_coracle_using_subcommand volume; and not __fish_seen_subcommand_from mount unmount umount create exists export import inspect ls list prune rm remove" -f -a "create" -d 'Create a volume'
complete -c coracle -n "__fish_coracle_using_subcommand volume; and not __fish_seen_subcommand_from mount unmount umount create exists export import inspect ls list prune rm remove" -f -a "exists" -d 'Check if a volume exists (status 0: yes, 1: no, 125: something went wrong)'
complete -c coracle -n "__fish_coracle_using_subcommand volume; and not __fish_seen_subcommand_from mount unmount umount create exists export import inspect ls list prune rm remove" -f -a "export" -d 'Export the content of a volume as a tar archive  Owners in the archive are those that containers see.'
complete -c coracle -n "__fish_coracle_using_subcommand volume; and not __fish_seen_subcommand_from mount unmount umount create exists export import inspect ls list prune rm remove" -f -a "import" -d 'Import a tar archive into a volume  The archive, plain or compressed, is added to what the volume has, with the owners it names.'
complete -c coracle -n "__fish_coracle_using_subcommand volume; and not __fish_seen_subcommand_from mount unmount umount create exists export import inspect ls list prune rm remove" -f -a "inspect" -d 'Display detailed information on one or more volumes'
complete -c coracle -n "__fish_coracle_using_subcommand volume; and not __fish_seen_subcommand_from mount unmount umount create exists export import inspect ls list prune rm remove" -f -a "ls" -d 'List volumes'
complete -c coracle -n "__fish_coracle_using_subcommand volume; and not __fish_seen_subcommand_from mount unmount umount create exists export import inspect ls list prune rm remove" -f -a "list" -d 'List volumes'
complete -c coracle -n "__fish_coracle_using_subcommand volume; and not __fish_seen_subcommand_from mount unmount umount create exists export import inspect ls list prune rm remove" -f -a "prune" -d 'Remove unused local volumes'
complete -c coracle -n "__fish_coracle_using_subcommand volume; and not __fish_seen_subcommand_from mount unmount umount create exists export import inspect ls list prune rm remove" -f -a "rm" -d 'Remove one or more volumes'
complete -c coracle -n "__fish_coracle_using_subcommand volume; and not __fish_seen_subcommand_from mount unmount umount create exists export import inspect ls list prune rm remove" -f -a "remove" -d 'Remove one or more volumes'
complete -c coracle -n "__fish_coracle_using_subcommand volume; and __fish_seen_subcommand_from create" -s d -l driver -d 'Specify volume driver name' -r
complete -c coracle -n "__fish_coracle_using_subcommand volume; and __fish_seen_subcommand_from create" -l label -d 'Set metadata for a volume' -r
complete -c coracle -n "__fish_coracle_using_subcommand volume; and __fish_seen_subcommand_from create" -s o -l opt -d 'Set driver specific options (type, o, device)' -r
complete -c coracle -n "__fish_coracle_using_subcommand volume; and __fish_seen_subcommand_from create" -l ignore -d 'Succeed if the volume exists, as it always does'
complete -c coracle -n "__fish_coracle_using_subcommand volume; and __fish_seen_subcommand_from export" -s o -l output -d 'Write to a file (default: standard output, unless that is a terminal)' -r -F
complete -c coracle -n "__fish_coracle_using_subcommand volume; and __fish_seen_subcommand_from inspect" -s f -l format -d 'Format output using a custom template: \'json\':             Print in JSON format \'TEMPLATE\':         Print output using the given Go template. Refer to https://docs.docker.com/go/formatting/ for more information about formatting output with templates' -r
complete -c coracle -n "__fish_coracle_using_subcommand volume; and __fish_seen_subcommand_from ls" -s f -l filter -d 'Provide filter values (e.g. "dangling=true")' -r
complete -c coracle -n "__fish_coracle_using_subcommand volume; and __fish_seen_subcommand_from ls" -l format -d 'Format output using a custom template: \'table\':            Print output in table format with column headers (default) \'table TEMPLATE\':   Print output in table format using the given Go template \'json\':             Print in JSON format \'TEMPLATE\':         Print output using the given Go template. Refer to https://docs.docker.com/go/formatting/ for more information about formatting output with templates' -r
complete -c coracle -n "__fish_coracle_using_subcommand volume; and __fish_seen_subcommand_from ls" -s q -l quiet -d 'Only display volume names'
complete -c coracle -n "__fish_coracle_using_subcommand volume; and __fish_seen_subcommand_from list" -s f -l filter -d 'Provide filter values (e.g. "dangling=true")' -r
complete -c coracle -n "__fish_coracle_using_subcommand volume; and __fish_seen_subcommand_from list" -l format -d 'Format output using a custom template: \'table\':            Print output in table format with column headers (default) \'table TEMPLATE\':   Print output in table format using the given Go template \'json\':             Print in JSON format \'TEMPLATE\':         Print output using the given Go template. Refer to https://docs.docker.com/go/formatting/ for more information about formatting output with templates' -r
complete -c coracle -n "__fish_coracle_using_subcommand volume; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Only display volume names'
complete -c coracle -n "__fish_coracle_using_subcommand volume; and __fish_seen_subcommand_from prune" -l filter -d 'Provide filter values (e.g. "until=<timestamp>")' -r
complete -c coracle -n "__fish_coracle_using_subcommand volume; and __fish_seen_subcommand_from prune" -s a -l all -d 'Remove all unused volumes, not just anonymous ones'
complete -c coracle -n "__fish_coracle_using_subcommand volume; and __fish_seen_subcommand_from prune" -s f -l force -d 'Do not prompt for confirmation'
complete -c coracle -n "__fish_coracle_using_subcommand volume; and __fish_seen_subcommand_from rm" -s f -l force -d 'Force the removal of one or more volumes'
complete -c coracle -n "__fish_coracle_using_subcommand volume; and __fish_seen_subcommand_from remove" -s f -l force -d 'Force the removal of one or more volumes'
