"""Completion of commands and options for bash, made from the commands' own declarations. (bash(1), Programmable
Completion.)"""

from __future__ import annotations

import argparse
from typing import Final

from edge_router.__main__ import COMMANDS
from images.manual import parser_of

SCRIPT: Final = """\
# edge-router: completion for bash; made by images/completion.py
_edge_router() {{
    local word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD-1]}} options choices
    COMPREPLY=()
    if [ "$COMP_CWORD" -eq 1 ]; then
        COMPREPLY=($(compgen -W "{commands}" -- "$word"))
        return
    fi
    case "${{COMP_WORDS[1]}} $before" in
{choices}
    esac
    if [ -n "$choices" ]; then
        COMPREPLY=($(compgen -W "$choices" -- "$word"))
        return
    fi
    case "$before" in
        --cbdir|--cbdata|--appdir|--logdir) mapfile -t COMPREPLY < <(compgen -d -- "$word"); return ;;
    esac
    case "${{COMP_WORDS[1]}}" in
{options}
    esac
    if [ "${{word#-}}" != "$word" ]; then
        COMPREPLY=($(compgen -W "$options" -- "$word"))
    else
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
    fi
}}
complete -o filenames -F _edge_router edge-router
"""


def completion() -> str:
    """The script."""
    options, choices = [], []
    for name in COMMANDS:
        actions = [action for action in parser_of(name)._actions if action.help is not argparse.SUPPRESS]
        words = " ".join(option for action in actions for option in action.option_strings)
        options.append(f'        {name}) options="{words}" ;;')
        for action in actions:
            if action.choices is not None:
                values = " ".join(str(choice) for choice in action.choices)
                after = [f'"{name} {option}"' for option in action.option_strings] or [f'"{name} {name}"']
                choices.append(f'        {"|".join(after)}) choices="{values}" ;;')
    return SCRIPT.format(commands=" ".join(COMMANDS), options="\n".join(options), choices="\n".join(choices))
