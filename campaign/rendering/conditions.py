"""Conditions on a row of the list, as `--where` takes them: `company == 'Acme' and plan != ''`.

In: an expression as templates have it, cells.  Out: whether it holds.  Touches: nothing.

It is compiled as part of a template, in the same sandbox and with the same filters.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from pathlib import Path

from campaign.errors import CampaignError, UsageError
from campaign.rendering.templating.roots import Reach
from campaign.rendering.templating.templates import TemplateCompiler

_YES = "yes"
_NAME = "--where"
_EXAMPLE = "write it as in a template: company == 'Acme'"


class RowCondition:
    """One expression over these names."""

    def __init__(self, text: str, names: Collection[str]) -> None:
        """Raises UsageError for what is no expression, or names something unknown."""
        if not text.strip():
            raise UsageError(f"{_NAME} is empty", remedy=_EXAMPLE)
        source = f"{{{{ '{_YES}' if ({text}) else '' }}}}"
        self._compiler = TemplateCompiler(Reach(Path()))
        try:
            words = list(self._compiler.words_in(source, _NAME))
            self._template = self._compiler.text(source, _NAME)
        except CampaignError as error:
            raise UsageError(
                f"{_NAME} cannot be read: {error.what}",
                remedy=_EXAMPLE,
            ) from None
        ours = {*names, "columns", *self._compiler.values()}
        for word in words:
            if word.name not in ours:
                near = difflib.get_close_matches(word.name, names, n=1)
                raise UsageError(
                    f"{_NAME}: '{word.name}' is not a column of the list",
                    remedy=f"did you mean '{near[0]}'?" if near else f"it has {', '.join(names)}",
                )

    def holds(self, row: Mapping[str, object]) -> bool:
        """Raises UsageError where the row is nothing that it can be asked of."""
        values = self._compiler.values()
        values.update(row)
        try:
            return self._template.render(values) == _YES
        except CampaignError as error:
            raise UsageError(f"{_NAME}: {error.what}", remedy="say which rows are meant") from None
