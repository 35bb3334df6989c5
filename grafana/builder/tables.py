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
    queries: Sequence[Query],
    *,
    columns: dict[str, str],
    sizes: Sizes,
    sort_by: Sequence[tuple[str, bool]] = (),
    empty: str = "",
) -> table.Panel:
    """List one row per combination of the labels that all queries have.

    A query's legend is the name of its column, without one its value is left out; `columns` names the label columns, in
    order. Columns that are not named are left out. The columns come in the order of `columns`, which names the values too.
    `empty` says that there are no rows.
    """
    # Else a label that looks like a number, such as the id 2024, would be shown as one: 2.02 K.
    panel = dress(table.Panel(), title, description, "string", sizes)
    values = {f"Value #{chr(ord('A') + place)}": query.legend for place, query in enumerate(queries)}
    if len(queries) == 1:
        # Grafana adds the letter only where there are several queries; some versions always do.
        values["Value"] = queries[0].legend
    names = columns | {field: name for field, name in values.items() if name}
    order = list(columns.values())
    index = {
        field: order.index(name) if name in order else len(order) + place
        for place, (field, name) in enumerate(names.items())
    }
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
    if empty:
        # For the table alone: every cell without a value would say it too.
        panel.no_value(empty).override_by_regexp("/.*/", [property_of("noValue", "")])
    # Words and figures stand left: a column is read from top to bottom.
    panel.align(FieldTextAlignment.LEFT)
    return ask(panel, queries, instant=True, as_table=True)
