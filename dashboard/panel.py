"""One part of the page: a title, a key for its link, and its markup."""

from dataclasses import dataclass

from dashboard.markup import Html, element


@dataclass(frozen=True)
class Panel:
    """A section of the page. `key` is its anchor."""

    key: str
    title: str
    body: Html

    def html(self) -> Html:
        """The section with its heading, reachable by a link of the page's list."""
        heading = element("h2", self.title, id=f"{self.key}-title")
        return element("section", heading, self.body, id=self.key, aria_labelledby=f"{self.key}-title")
