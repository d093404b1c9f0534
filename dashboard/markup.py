"""HTML that escapes by default: titles, tags and paths in a lake were written by strangers."""

from html import escape


class Html(str):
    """Text that is markup already. Whatever is not Html gets escaped by `element`."""

    __slots__ = ()


_VOID = frozenset({"img", "br", "input", "meta", "hr", "link"})

Child = str | int | float | None


def element(name: str, /, *children: Child, **attributes: str | int | float | bool | None) -> Html:
    """`<name attributes>children</name>`; children and attribute values are escaped unless they are Html.

    A trailing underscore of an attribute is dropped (`class_`), other underscores become hyphens
    (`aria_label`). None and False leave an attribute out, True writes it bare.
    """
    given = {key: value for key, value in attributes.items() if value is not None and value is not False}
    written = "".join(_attribute(key, value) for key, value in given.items())
    if name in _VOID:
        return Html(f"<{name}{written}>")
    return Html(f"<{name}{written}>{join(*children)}</{name}>")


def join(*children: Child) -> Html:
    """The children one after the other; None disappears."""
    return Html("".join(_child(child) for child in children if child is not None))


def plotly_text(text: object) -> str:
    """`text` for a label of a chart: plotly reads a small HTML there, so what looks like markup is escaped."""
    return escape(str(text), quote=False)


def _child(child: Child) -> str:
    return child if isinstance(child, Html) else escape(str(child))


def _attribute(key: str, value: str | int | float | bool | None) -> str:
    name = key.rstrip("_").replace("_", "-")
    return f" {name}" if value is True else f' {name}="{escape(str(value))}"'
