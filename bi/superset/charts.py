"""Charts, their places and filters in Superset's own terms. Nothing here knows what the figures mean."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

# Height in Superset's units, by what is shown.
HEIGHTS = {"number": 18, "pie": 50, "bars": 50, "lines": 50, "table": 62, "groups": 62}
KINDS = {
    "number": "big_number_total",
    "table": "table",
    "groups": "table",
    "bars": "echarts_timeseries_bar",
    "lines": "echarts_timeseries_line",
    "pie": "pie",
}
# In a chart's `where`: any value, but not none.
KNOWN = {"not": None}
ROWS = 1000
# Points of a curve: the hours of a year.
POINTS = 10000
TIME_FORMAT = "%Y-%m-%d %H:%M"
# The widest a sender's text may make its column, in pixels: a label of a thousand letters would move all figures out of sight.
TEXT_WIDTHS = {"url": 320, "label": 140, "bounce_reason": 320}


def number_format(metric: str) -> str | None:
    """How d3 writes a metric or column of this name; None for what is no number."""
    if metric.endswith("_rate"):
        return ".2%"
    if metric.endswith(("_count", "_number", "score", "position")):
        return ",d"
    return ",.2f" if metric.endswith("_amount") else None


def drawn(chart: dict[str, Any], time: str | None) -> dict[str, Any]:
    """The parts of a chart's file that say what is drawn: viz_type, params and the query that its data come from.

    `time` is the column that a dashboard's time filter asks, None where there is none.
    """
    show = chart["show"]
    params: dict[str, Any] = {
        "viz_type": KINDS[show],
        "adhoc_filters": _conditions(chart.get("where", {}), time),
        "extra_form_data": {},
        "dashboards": [],
        **globals()[f"_{show}"](chart),
    }
    query = {
        "filters": _query_filters(chart.get("where", {}), time),
        "extras": {"having": "", "where": ""},
        "applied_time_extras": {},
        "annotation_layers": [],
        "columns": _query_columns(chart),
        "metrics": _metrics(chart),
        "orderby": _order(chart),
        "row_limit": POINTS if show in ("bars", "lines") else ROWS,
        "series_limit": 0,
        "order_desc": True,
        "url_params": {},
        "custom_params": {},
        "custom_form_data": {},
    }
    if show == "table":
        del query["metrics"]
    context = {
        # The importer puts the dataset's number here.
        "datasource": {"id": 0, "type": "table"},
        "force": False,
        "queries": [query],
        "form_data": params,
        "result_format": "json",
        "result_type": "full",
    }
    return {"viz_type": KINDS[show], "params": params, "query_context": json.dumps(context)}


def _number(chart: dict[str, Any]) -> dict[str, Any]:
    return {
        "metric": chart["metric"],
        "header_font_size": 0.4,
        "subheader_font_size": 0.15,
        "subheader": "",
        "y_axis_format": number_format(chart["metric"]) or "SMART_NUMBER",
        "time_format": TIME_FORMAT,
        "force_timestamp_formatting": chart["metric"].endswith(("_at", "_end")),
    }


def _table(chart: dict[str, Any]) -> dict[str, Any]:
    return {
        "query_mode": "raw",
        "all_columns": chart["columns"],
        "order_by_cols": [json.dumps([chart["order"], False])],
        "groupby": [],
        "metrics": [],
        **_of_tables(chart["columns"]),
    }


def _groups(chart: dict[str, Any]) -> dict[str, Any]:
    return {
        "query_mode": "aggregate",
        "groupby": chart["by"],
        "metrics": chart["metrics"],
        "timeseries_limit_metric": chart["order"],
        "all_columns": [],
        "order_desc": True,
        **_of_tables([*chart["by"], *chart["metrics"]]),
    }


def _of_tables(shown: list[str]) -> dict[str, Any]:
    numbers = {name: {"d3NumberFormat": how} for name in shown if (how := number_format(name))}
    texts = {
        name: {"columnWidth": TEXT_WIDTHS[name], "truncateLongCells": True} for name in shown if name in TEXT_WIDTHS
    }
    return {
        "row_limit": ROWS,
        "server_page_length": 10,
        "page_length": 20,
        "include_search": True,
        "table_timestamp_format": TIME_FORMAT,
        "show_cell_bars": True,
        # A label or an address is shown as it is, and never as HTML of whoever sent it.
        "allow_render_html": False,
        "column_config": {**numbers, **texts},
    }


def _bars(chart: dict[str, Any]) -> dict[str, Any]:
    return {**_of_axes(chart), "stack": "Stack" if len(chart["metrics"]) > 1 else None, "orientation": "vertical"}


def _lines(chart: dict[str, Any]) -> dict[str, Any]:
    return {**_of_axes(chart), "seriesType": "line", "markerEnabled": False, "opacity": 0.2}


def _of_axes(chart: dict[str, Any]) -> dict[str, Any]:
    return {
        "x_axis": chart["x"],
        "time_grain_sqla": chart.get("grain"),
        "x_axis_sort_asc": True,
        "x_axis_sort_series": "name",
        "x_axis_sort_series_ascending": True,
        "xAxisForceCategorical": "grain" not in chart,
        "metrics": chart["metrics"],
        "groupby": [chart["by"]] if "by" in chart else [],
        "order_desc": True,
        "row_limit": POINTS,
        "truncate_metric": True,
        "show_empty_columns": True,
        "comparison_type": "values",
        "annotation_layers": [],
        "color_scheme": "supersetColors",
        "only_total": True,
        "show_legend": True,
        "legendType": "scroll",
        "legendOrientation": "top",
        "x_axis_time_format": "smart_date",
        "y_axis_format": "SMART_NUMBER",
        "rich_tooltip": True,
        "tooltipTimeFormat": "smart_date",
    }


def _pie(chart: dict[str, Any]) -> dict[str, Any]:
    return {
        "groupby": [chart["by"]],
        "metric": chart["metric"],
        "row_limit": 100,
        "sort_by_metric": True,
        "color_scheme": "supersetColors",
        "label_type": "percent",
        "show_labels": True,
        "show_labels_threshold": 5,
        "show_legend": True,
        "number_format": "SMART_NUMBER",
        "date_format": "smart_date",
        "outerRadius": 70,
        "innerRadius": 30,
    }


def _metrics(chart: dict[str, Any]) -> list[str]:
    return list(chart.get("metrics") or ([chart["metric"]] if "metric" in chart else []))


def _query_columns(chart: dict[str, Any]) -> list[Any]:
    if "x" in chart:
        axis = {
            "timeGrain": chart.get("grain"),
            "columnType": "BASE_AXIS",
            "sqlExpression": chart["x"],
            "label": chart["x"],
            "expressionType": "SQL",
        }
        return [axis, *([chart["by"]] if "by" in chart else [])]
    by = chart.get("columns") or chart.get("by") or []
    return [by] if isinstance(by, str) else list(by)


def _order(chart: dict[str, Any]) -> list[list[Any]]:
    if chart["show"] == "number":
        return []
    return [[chart.get("order") or _metrics(chart)[0], False]]


def _conditions(where: Mapping[str, Any], time: str | None) -> list[dict[str, Any]]:
    """The filters as the editor of a chart shows them."""
    found = [
        {"clause": "WHERE", "expressionType": "SIMPLE", "subject": column, "operator": operator, "comparator": value}
        for column, operator, value in _compared(where)
    ]
    if time:
        # What a dashboard's time filter replaces.
        found.append(
            {
                "clause": "WHERE",
                "expressionType": "SIMPLE",
                "subject": time,
                "operator": "TEMPORAL_RANGE",
                "comparator": "No filter",
            }
        )
    return found


def _query_filters(where: Mapping[str, Any], time: str | None) -> list[dict[str, Any]]:
    found = [{"col": column, "op": operator, "val": value} for column, operator, value in _compared(where)]
    if time:
        found.append({"col": time, "op": "TEMPORAL_RANGE", "val": "No filter"})
    return found


def _compared(where: Mapping[str, Any]) -> list[tuple[str, str, Any]]:
    return [
        (column, "IS NOT NULL", None) if value == KNOWN else (column, "IN" if isinstance(value, list) else "==", value)
        for column, value in where.items()
    ]


def height(told: Mapping[str, Any]) -> int:
    """How high a chart is, in Superset's units."""
    return int(told.get("height", HEIGHTS[told["show"]]))


def position(title: str, rows: list[dict[str, int]], placed: Mapping[str, tuple[int, str, str, int]]) -> dict[str, Any]:
    """Where the charts stand: `rows` of widths by chart; `placed` has of each chart a number, its id, its name and its height."""
    found: dict[str, Any] = {
        "DASHBOARD_VERSION_KEY": "v2",
        "ROOT_ID": {"type": "ROOT", "id": "ROOT_ID", "children": ["GRID_ID"]},
        "HEADER_ID": {"type": "HEADER", "id": "HEADER_ID", "meta": {"text": title}},
        "GRID_ID": {"type": "GRID", "id": "GRID_ID", "children": [], "parents": ["ROOT_ID"]},
    }
    for number, row in enumerate(rows, 1):
        row_id = f"ROW-{number}"
        found["GRID_ID"]["children"].append(row_id)
        parents = ["ROOT_ID", "GRID_ID"]
        found[row_id] = {
            "type": "ROW",
            "id": row_id,
            "children": [f"CHART-{name}" for name in row],
            "parents": parents,
            "meta": {"background": "BACKGROUND_TRANSPARENT"},
        }
        for name, width in row.items():
            chart_number, chart_id, called, _ = placed[name]
            found[f"CHART-{name}"] = {
                "type": "CHART",
                "id": f"CHART-{name}",
                "children": [],
                "parents": [*parents, row_id],
                "meta": {
                    "chartId": chart_number,
                    "uuid": chart_id,
                    "sliceName": called,
                    "width": width,
                    "height": max(placed[other][3] for other in row),
                },
            }
    return found


def native_filter(told: dict[str, Any], called: str, key: str, dataset_id: str | None) -> dict[str, Any]:
    """A filter at the side of a dashboard: of time, or of the values of a column, of which the newest may be chosen at first."""
    is_time = told.get("type") == "time"
    newest = told.get("newest_by")
    return {
        "id": f"NATIVE_FILTER-{key}",
        "name": called,
        "type": "NATIVE_FILTER",
        "description": "",
        "filterType": "filter_time" if is_time else "filter_select",
        "targets": [{}] if is_time else [{"column": {"name": told["column"]}, "datasetUuid": dataset_id}],
        "controlValues": {
            "enableEmptyFilter": bool(newest),
            "defaultToFirstItem": bool(newest),
            "multiSelect": not newest,
            "searchAllOptions": bool(told.get("is_searched")),
            "inverseSelection": False,
            **({"sortAscending": False} if newest else {}),
        },
        # Chosen before the charts are asked, without a click on "Apply filters".
        **({"sortMetric": newest, "requiredFirst": True} if newest else {}),
        "defaultDataMask": {"extraFormData": {}, "filterState": {}, "ownState": {}},
        "cascadeParentIds": [],
        "scope": {"rootPath": ["ROOT_ID"], "excluded": []},
    }
