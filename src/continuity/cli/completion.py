"""``continuity completion bash|zsh|fish``: the script that completes commands and options in a shell."""

from __future__ import annotations

import click


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Prints the completion script of a shell.

    \b
    bash: continuity completion bash > ~/.local/share/bash-completion/completions/continuity
    zsh:  continuity completion zsh > "${fpath[1]}/_continuity"
    fish: continuity completion fish > ~/.config/fish/completions/continuity.fish
    """
    from click.shell_completion import get_completion_class

    from continuity.cli import cli

    kind = get_completion_class(shell)
    if kind is None:  # click.Choice has seen to it
        raise click.UsageError(f"there is no completion for {shell}")
    click.echo(kind(cli, {}, "continuity", "_CONTINUITY_COMPLETE").source())
