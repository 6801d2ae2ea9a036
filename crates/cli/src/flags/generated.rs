//! What is made from the tables of commands.

use super::Flag;

command!(
    COMPLETION,
    "barque completion",
    "bash|zsh|fish",
    "Print what a shell needs to complete commands, flags and the names of objects.",
    [],
    "bash: put `source <(barque completion bash)` into ~/.bashrc.\n\
     zsh:  barque completion zsh > /usr/local/share/zsh/site-functions/_barque\n\
     fish: barque completion fish > ~/.config/fish/completions/barque.fish"
);
command!(
    MAN,
    "barque man",
    "[OPTIONS] [COMMAND]",
    "Print the manual page of a command, or write those of all.",
    [Flag::value("output", "DIR", "Write the pages of all commands into this directory").short('o')],
    "  barque man run | man -l -\n  barque man -o /usr/local/share/man/man1"
);
