"""The dashboards as a zip that Superset imports: `POST /api/v1/dashboard/import/`, or Dashboards, Import in its menus.

    .venv/bin/python -m bi.superset.bundle sillage.zip [--language fr] [--url postgresql://bi_reader@127.0.0.1:5432/warehouse]

Every object has the same id in every bundle, so that an import over an older one changes it and makes none anew.
"""

from __future__ import annotations

import argparse
import io
import json
import uuid
import zipfile
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from ..contract import Column, Rate, marts, rates
from . import charts

HERE = Path(__file__).resolve().parent
LANGUAGES = ("en", "fr")
# The name of the database in Superset, and of its file in the bundle, by which its password is given.
DATABASE = "Sillage"
DATABASE_FILE = f"databases/{DATABASE}.yaml"
# As `make up` has it, without a password: Superset asks for it, or the one who imports tells it.
URL = "postgresql://bi_reader@127.0.0.1:5432/warehouse"
_IDS = uuid.UUID("5f0d2b5e-8d0e-5e2a-9b7c-5111a9e00001")
_NUMBERS = ("bigint", "integer", "numeric")
_TIMES = {"timestamptz": "TIMESTAMP WITH TIME ZONE", "date": "DATE"}


@cache
def plan() -> dict[str, Any]:
    """What dashboards.yml says."""
    content: dict[str, Any] = yaml.safe_load((HERE / "dashboards.yml").read_text(encoding="utf-8"))
    return content


@cache
def names(language: str) -> dict[str, str]:
    """The names of charts, dashboards, filters, metrics and columns in `language`."""
    found: dict[str, str] = yaml.safe_load((HERE / "words" / f"{language}.yml").read_text(encoding="utf-8"))
    return found


def id_of(kind: str, name: str) -> str:
    """The id of an object, the same in every bundle."""
    return str(uuid.uuid5(_IDS, f"{kind} {name}"))


def files(language: str = "en", url: str = URL) -> dict[str, dict[str, Any]]:
    """The content of every file of the bundle by its path; `url` is the warehouse's, whose password is left out."""
    content: dict[str, dict[str, Any]] = {
        "metadata.yaml": {"version": "1.0.0", "type": "Dashboard", "timestamp": "2026-01-01T00:00:00+00:00"},
        DATABASE_FILE: _database(url),
    }
    for name, dataset in plan()["datasets"].items():
        content[f"datasets/{DATABASE}/{name}.yaml"] = _dataset(name, dataset, language)
    for name, chart in plan()["charts"].items():
        dataset = plan()["datasets"][chart["data"]]
        content[f"charts/{name}.yaml"] = {
            "slice_name": names(language)[name],
            "description": None,
            "uuid": id_of("chart", name),
            "version": "1.0.0",
            "dataset_uuid": id_of("dataset", chart["data"]),
            "cache_timeout": None,
            **charts.drawn(chart, dataset.get("time")),
        }
    for name, dashboard in plan()["dashboards"].items():
        content[f"dashboards/{name}.yaml"] = _dashboard(name, dashboard, language)
    return content


def packed(language: str = "en", url: str = URL) -> bytes:
    """The bundle as a zip, below one folder as Superset exports it."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in files(language, url).items():
            text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=120)
            archive.writestr(zipfile.ZipInfo(f"sillage/{path}"), text)
    return target.getvalue()


def _database(url: str) -> dict[str, Any]:
    head, _, tail = url.partition("://")[2].rpartition("@")
    user = head.partition(":")[0] or "bi_reader"
    return {
        "database_name": DATABASE,
        # Superset takes this for "the password that was given beside the file".
        "sqlalchemy_uri": f"postgresql+psycopg2://{user}:XXXXXXXXXX@{tail}",
        "cache_timeout": None,
        "expose_in_sqllab": True,
        "allow_run_async": False,
        "allow_ctas": False,
        "allow_cvas": False,
        "allow_dml": False,
        "allow_file_upload": False,
        "extra": {"engine_params": {"connect_args": {"application_name": "superset", "connect_timeout": 10}}},
        "uuid": id_of("database", DATABASE),
        "version": "1.0.0",
    }


def _dataset(name: str, dataset: dict[str, Any], language: str) -> dict[str, Any]:
    first = marts()[dataset["of"][0]]
    return {
        "table_name": name,
        "main_dttm_col": dataset.get("time"),
        "description": first.description,
        "schema": "marts",
        "sql": dataset.get("sql"),
        "offset": 0,
        "cache_timeout": None,
        "params": None,
        "template_params": None,
        "filter_select_enabled": True,
        "fetch_values_predicate": None,
        "extra": None,
        "uuid": id_of("dataset", name),
        "metrics": [
            {
                "metric_name": metric,
                "verbose_name": label(metric, language),
                "metric_type": None,
                "expression": told["sql"],
                "description": told["description"],
                "d3format": charts.number_format(metric),
                "extra": None,
                "warning_text": None,
            }
            for metric, told in metrics(name).items()
        ],
        "columns": [
            {
                "column_name": column.name,
                "verbose_name": label(column.name, language),
                "is_dttm": column.type in _TIMES,
                "is_active": True,
                "type": _TIMES.get(column.type, column.type.upper()),
                "groupby": True,
                "filterable": True,
                "expression": None,
                "description": column.description,
                "python_date_format": None,
                "extra": None,
            }
            for column in columns(name)
        ],
        "version": "1.0.0",
        "database_uuid": id_of("database", DATABASE),
    }


def columns(dataset: str) -> list[Column]:
    """The columns of a dataset, those of its marts; of a name that several have, the first mart's."""
    found: dict[str, Column] = {}
    for mart in plan()["datasets"][dataset]["of"]:
        for column in marts()[mart].columns:
            # Of the deliveries only what the dataset's SQL names.
            if mart == "deliveries" and f"deliveries.{column.name}" not in plan()["datasets"][dataset]["sql"]:
                continue
            found.setdefault(column.name, column)
    return list(found.values())


def metrics(dataset: str) -> dict[str, dict[str, str]]:
    """The metrics of a dataset: sums of its counts, rates as sums over sums, and those of dashboards.yml.

    Each has `sql` and `description`.
    """
    here = {column.name: column for column in columns(dataset)}
    never = plan()["never_added"].get(dataset, ())
    found = {
        name: {"sql": f"sum({name})", "description": column.description}
        for name, column in here.items()
        if name.endswith(("_count", "_amount")) and column.type.startswith(_NUMBERS) and name not in never
    }
    statistics = {column.name: column.description for column in marts()["delivery_statistics"].columns}
    for name, rate in rates().items():
        if {*rate.numerators, rate.denominator} <= found.keys():
            found[name] = {"sql": share(rate), "description": statistics[name]}
    return {**found, **plan()["metrics"].get(dataset, {})}


def share(rate: Rate) -> str:
    """The SQL of a rate over any number of rows, bounded by 1 and null over nothing like the marts' own."""
    over = " + ".join(f"sum({name})" for name in rate.numerators)
    quotient = f"cast({over} as numeric) / nullif(sum({rate.denominator}), 0)"
    return f"case when {quotient} > 1 then 1 else {quotient} end"


def label(name: str, language: str) -> str:
    """What a metric or column is called: its name in words/, else made of its own words."""
    return names(language).get(name) or name.replace("_", " ").strip().capitalize()


def _dashboard(name: str, dashboard: dict[str, Any], language: str) -> dict[str, Any]:
    called = names(language)
    number = list(plan()["charts"]).index
    position = charts.position(
        called[name],
        dashboard["rows"],
        {
            chart: (number(chart) + 1, id_of("chart", chart), called[chart], charts.height(plan()["charts"][chart]))
            for row in dashboard["rows"]
            for chart in row
        },
    )
    filters = [
        charts.native_filter(told, called[f"filter.{key}"], key, id_of("dataset", told["of"]) if "of" in told else None)
        for key, told in dashboard["filters"].items()
    ]
    return {
        "dashboard_title": called[name],
        "description": called[f"about.{name}"],
        "css": "",
        "slug": f"sillage-{name}",
        "certified_by": "",
        "certification_details": "",
        "published": True,
        "uuid": id_of("dashboard", name),
        "position": position,
        "metadata": {
            "native_filter_configuration": filters,
            "chart_configuration": {},
            "global_chart_configuration": {"scope": {"rootPath": ["ROOT_ID"], "excluded": []}, "chartsInScope": []},
            "cross_filters_enabled": True,
            "color_scheme": "supersetColors",
            "label_colors": {},
            "refresh_frequency": 0,
            "expanded_slices": {},
            "timed_refresh_immune_slices": [],
            "default_filters": json.dumps({}),
        },
        "version": "1.0.0",
    }


def main() -> None:
    """Write the bundle into the file named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--language", choices=LANGUAGES, default="en")
    parser.add_argument("--url", default=URL, help="the warehouse as bi_reader; a password in it is left out")
    arguments = parser.parse_args()
    arguments.file.write_bytes(packed(arguments.language, arguments.url))


if __name__ == "__main__":
    main()
