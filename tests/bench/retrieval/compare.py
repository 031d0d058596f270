"""`make bench-retrieval`: how well rules are found beside plain keyword match, by set and stratum of the questions."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import click
import orjson

sys.path.insert(0, str(Path(__file__).parents[2]))  # tests/, for support

from rich.console import Console
from rich.table import Table
from support.retrieval import SETS, Abstained, Found, Question, abstained, found, questions, rankers

STRATA: Final = {"all": (True, False), "shares a word with the title": (True,), "shares none": (False,)}


def strata(asked_set: str) -> dict[str, list[Question]]:
    """The answerable questions of a set by stratum."""
    return {
        name: [one for one in questions(asked_set) if one.expects and one.shares_word in shares]
        for name, shares in STRATA.items()
    }


@click.command()
@click.option("-o", "--output", type=click.Choice(["table", "json"]), default="table", show_default=True)
def main(output: str) -> None:
    """Measure recall@3, MRR and abstention of the index and of plain keyword match."""
    compared = rankers()
    finding = {
        (chosen, stratum): {name: found(ranker, asked) for name, ranker in compared.items()}
        for chosen in SETS
        for stratum, asked in strata(chosen).items()
    }
    abstaining = {
        chosen: {name: abstained(ranker, questions(chosen)) for name, ranker in compared.items()} for chosen in SETS
    }
    if output == "json":
        click.echo(orjson.dumps(_plain(finding, abstaining), option=orjson.OPT_INDENT_2))
        return
    console = Console(width=None if sys.stdout.isatty() else 120)
    console.print(_finding(finding, list(compared)))
    console.print(_abstaining(abstaining, list(compared)))


def _plain(
    finding: dict[tuple[str, str], dict[str, Found]], abstaining: dict[str, dict[str, Abstained]]
) -> dict[str, list[dict[str, Any]]]:
    return {
        "found": [
            {"set": chosen, "stratum": stratum, "ranker": name, **asdict(figures)}
            for (chosen, stratum), by_name in finding.items()
            for name, figures in by_name.items()
        ],
        "abstained": [
            {"set": chosen, "ranker": name, **asdict(figures)}
            for chosen, by_name in abstaining.items()
            for name, figures in by_name.items()
        ],
    }


def _finding(finding: dict[tuple[str, str], dict[str, Found]], names: list[str]) -> Table:
    table = Table("set", "stratum", "questions", *names, title="recall@3 (MRR) of questions that have an answer")
    for (chosen, stratum), by_name in finding.items():
        cells = [f"{by_name[name].recall:.3f} ({by_name[name].rank:.3f})" for name in names]
        table.add_row(chosen, stratum, str(by_name[names[0]].questions), *cells, end_section=stratum == "shares none")
    return table


def _abstaining(abstaining: dict[str, dict[str, Abstained]], names: list[str]) -> Table:
    table = Table("set", "to abstain", *names, title="abstention: F1 (precision, recall)")
    for chosen, by_name in abstaining.items():
        cells = [f"{one.f1:.3f} ({one.precision:.3f}, {one.recall:.3f})" for one in map(by_name.__getitem__, names)]
        table.add_row(chosen, str(by_name[names[0]].questions), *cells)
    return table


if __name__ == "__main__":
    main()
