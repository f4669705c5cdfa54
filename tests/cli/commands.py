"""Commands called within this process."""

from typer.testing import CliRunner, Result

from coulombfit.cli.app import app


def run(*arguments: str, code: int = 0) -> Result:
    """What a command says; it ends with ``code``."""
    result = CliRunner().invoke(app, list(arguments))
    assert result.exit_code == code, result.output
    return result
