"""Tables: several queries side by side."""

from __future__ import annotations

from collections.abc import Sequence

from grafana_foundation_sdk.builders import common, table
from grafana_foundation_sdk.models.common import FieldTextAlignment
from grafana_foundation_sdk.models.dashboard import DataTransformerConfig

from grafana.builder.looks import property_of
from grafana.builder.panels import Query, Sizes, ask, dress

__all__ = ["table_of"]


def table_of(
    title: str,
    description: str,
    expressions: Sequence[str],
    *,
    columns: dict[str, str],
    sizes: Sizes,
    sort_by: Sequence[tuple[str, bool]],
    empty: str,
) -> table.Panel:
    """List one row per combination of the labels that all expressions have.

    `columns` are the fields that are shown, in order, with their names: labels, and their values as "Value #A" and
    so on, or as "Value" where there is one expression. `empty` says that there are no rows.
    """
    # Else a label that looks like a number, such as the id 2024, would be shown as one: 2.02 K.
    panel = dress(table.Panel(), title, description, "string", sizes)
    # Grafana adds the letter only where there are several queries; some versions always do.
    names = columns | ({"Value #A": columns["Value"]} if "Value" in columns else {})
    order = list(columns.values())
    index = {field: order.index(name) for field, name in names.items()}
    panel.with_transformation(DataTransformerConfig(id_val="merge", options={}))
    panel.with_transformation(
        DataTransformerConfig(id_val="filterFieldsByName", options={"include": {"names": list(names)}})
    )
    panel.with_transformation(
        DataTransformerConfig(
            id_val="organize", options={"excludeByName": {}, "indexByName": index, "renameByName": names}
        )
    )
    panel.sort_by([common.TableSortByFieldState().display_name(name).desc(desc) for name, desc in sort_by])
    # For the table alone: every cell without a value would say it too.
    panel.no_value(empty).override_by_regexp("/.*/", [property_of("noValue", "")])
    # Words and figures stand left: a column is read from top to bottom.
    panel.align(FieldTextAlignment.LEFT)
    return ask(panel, [Query(one) for one in expressions], instant=True, as_table=True)
