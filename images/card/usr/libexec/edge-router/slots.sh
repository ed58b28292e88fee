# Which of the card's two root file systems, a or b, is started. For the initrd, which chooses, and for what makes and
# confirms updates; POSIX sh, for busybox and dash.
#
# What is known is in small files of a directory, /data/slots; each is replaced as a whole, so that a power cut finds
# the old one or the new one:
#   current      a or b: the one that is known to work
#   trial        "b 2 WHY": try b, at most twice more; WHY, if it is known, is why it was given up
#   rolled-back  why the last one that was tried is not in use
# Missing or damaged, they mean: whichever can be started, a before b.

# keep FILE TEXT: in the place of what the file had
keep() {
    { printf '%s\n' "$2" > "$1.new" && sync && mv -f "$1.new" "$1" && sync; } 2>/dev/null
}

# kept FILE: sets $kept to its first line, to nothing if there is none
kept() {
    kept=
    [ ! -f "$1" ] || read -r kept < "$1" 2>/dev/null || :
}

# current DIRECTORY: sets $current to a, b or nothing
current() {
    kept "$1/current"
    case $kept in a | b) current=$kept ;; *) current= ;; esac
}

# trial DIRECTORY: sets $trial to a, b or nothing, $left to the tries that it has, $why to the reason it was given up for
trial() {
    kept "$1/trial"
    trial= left= why=
    case $kept in
        [ab]\ [0-9] | [ab]\ [0-9]\ *)
            trial=${kept%% *}
            left=${kept#??}
            left=${left%% *}
            why=${kept#????} ;;
    esac
    [ "$why" != "$kept" ] || why=
}

other() {
    case $1 in a) echo b ;; b) echo a ;; esac
}

# back DIRECTORY WHY: no trial any more
back() {
    say "$2"
    keep "$1/rolled-back" "$2"
    rm -f "$1/trial"
    sync
}

# choose DIRECTORY: sets $slot to a or b, to nothing if neither can be started; $trying to it if it is on trial.
# Calls `startable SLOT`, which leaves it mounted if it is whole, and `say TEXT`.
choose() {
    slot= trying=
    current "$1"
    trial "$1"
    if [ -n "$trial" ] && [ "$trial" = "$current" ]; then
        rm -f "$1/trial"
    elif [ -n "$trial" ]; then
        attempt "$1"
    elif [ -e "$1/trial" ]; then
        back "$1" "what $1/trial says, \"$kept\", is neither a nor b and a number of tries"
    fi
    for each in $current a b; do
        [ -z "$slot" ] || break
        ! startable "$each" || slot=$each
    done
    [ -z "$slot" ] || [ -z "$current" ] || [ -n "$trying" ] || [ "$slot" = "$current" ] ||
        say "slot $current, the current one, cannot be started: slot $slot is"
}

# attempt DIRECTORY: take the one on trial, if it has a try left that can be counted
attempt() {
    if [ "$left" = 0 ]; then
        back "$1" "slot $trial: ${why:-the board did not stay up with it until its node was ready}"
    elif ! keep "$1/trial" "$trial $((left - 1))"; then
        say "slot $trial is not tried: $1 cannot be written"
    elif startable "$trial"; then
        slot=$trial trying=$trial
        say "slot $trial is tried; it has $((left - 1)) more"
    else
        back "$1" "slot $trial: it has no whole file system"
    fi
}
