"""What other tools are given of the marts, against the contract: no database, no Superset."""

from __future__ import annotations

import io
import json
import re
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from bi import consumers
from bi.contract import marts, rates
from bi.superset import bundle, charts

CHECKOUT = Path(__file__).resolve().parents[3]
FILES = bundle.files()
CHARTS = bundle.plan()["charts"]


def shown(chart: dict[str, Any]) -> set[str]:
    """The metrics and columns that a chart names."""
    by = chart.get("by", [])
    named = {*chart.get("metrics", ()), *chart.get("columns", ()), *([by] if isinstance(by, str) else by)}
    return named | {chart[key] for key in ("metric", "x") if key in chart}


def test_the_consumers_sources_are_the_contract_of_today() -> None:
    assert consumers.FILE.read_text() == consumers.text(), "run: .venv/bin/python -m bi.consumers"


def test_every_rate_of_the_marts_is_a_quotient_of_their_columns() -> None:
    statistics = {column.name for column in marts()["delivery_statistics"].columns}
    assert rates().keys() == {name for name in statistics if name.endswith("_rate")}
    for name, rate in rates().items():
        assert {*rate.numerators, rate.denominator} <= statistics, name


def test_every_chart_shows_columns_and_metrics_that_its_dataset_has() -> None:
    for name, chart in CHARTS.items():
        known = bundle.metrics(chart["data"]).keys() | {column.name for column in bundle.columns(chart["data"])}
        assert shown(chart) <= known, name
        assert {chart["order"]} <= known if "order" in chart else True, name
        assert chart.get("where", {}).keys() <= known, name


def test_no_metric_adds_what_must_not_be_added_or_averages_rates() -> None:
    for dataset in bundle.plan()["datasets"]:
        found = bundle.metrics(dataset)
        never = set(bundle.plan()["never_added"].get(dataset, ()))
        assert never <= {column.name for column in bundle.columns(dataset)}
        assert not never & found.keys()
        for name, metric in found.items():
            assert metric.keys() == {"sql", "description"} and metric["description"], name
            # In YAML's braces a comma ends what is not quoted.
            assert metric["sql"].count("(") == metric["sql"].count(")"), name
            assert not re.search(r"\bavg\(|_rate\b", metric["sql"]), name


def test_no_dataset_reaches_an_address() -> None:
    assert "recipients" not in {mart for dataset in bundle.plan()["datasets"].values() for mart in dataset["of"]}
    for path, content in FILES.items():
        if path.startswith("datasets/"):
            assert not re.search(r"marts\.recipients\b|\bemail\b", str(content["sql"])), path
            assert not {"email", "url_key"} & {column["column_name"] for column in content["columns"]}


def test_every_name_that_is_shown_has_its_french() -> None:
    french = bundle.names("fr")
    wanted = {*CHARTS, *bundle.plan()["dashboards"]} | {name for chart in CHARTS.values() for name in shown(chart)}
    wanted |= {f"filter.{key}" for board in bundle.plan()["dashboards"].values() for key in board["filters"]}
    assert not wanted - french.keys()
    assert (
        not {name for name in french if name not in bundle.names("en") and name not in wanted}
        - {column.name for mart in marts().values() for column in mart.columns}
        - {name for dataset in bundle.plan()["datasets"] for name in bundle.metrics(dataset)}
    )


def test_every_chart_stands_on_one_dashboard_whose_rows_are_twelve_wide() -> None:
    rows = [row for board in bundle.plan()["dashboards"].values() for row in board["rows"]]
    assert sorted(name for row in rows for name in row) == sorted(CHARTS)
    assert {sum(row.values()) for row in rows} == {12}


@pytest.mark.parametrize("language", bundle.LANGUAGES)
def test_a_bundle_is_a_zip_of_yaml_in_which_every_id_is_found_and_no_password_stands(language: str) -> None:
    packed = bundle.packed(language, "postgresql://bi_reader:s3cret@db.example:5433/house?sslmode=require")
    assert packed == bundle.packed(language, "postgresql://bi_reader:s3cret@db.example:5433/house?sslmode=require")
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        texts = {name: archive.read(name).decode() for name in archive.namelist()}
    assert not any("s3cret" in text for text in texts.values())
    files = {name.removeprefix("sillage/"): yaml.safe_load(text) for name, text in texts.items()}
    uri = files[bundle.DATABASE_FILE]["sqlalchemy_uri"]
    assert uri == "postgresql+psycopg2://bi_reader:XXXXXXXXXX@db.example:5433/house?sslmode=require"
    ids = [content["uuid"] for content in files.values() if "uuid" in content]
    assert len(ids) == len(set(ids)) == len(files) - 1
    for path, content in files.items():
        assert {content[key] for key in ("dataset_uuid", "database_uuid") if key in content} <= set(ids), path
    boards = [content for path, content in files.items() if path.startswith("dashboards/")]
    placed = [
        part["meta"]["uuid"]
        for board in boards
        for part in board["position"].values()
        if isinstance(part, dict) and part["type"] == "CHART"
    ]
    assert set(placed) == {content["uuid"] for path, content in files.items() if path.startswith("charts/")}


def test_the_ids_of_a_bundle_are_the_same_in_every_language() -> None:
    ids = [{path: content.get("uuid") for path, content in bundle.files(name).items()} for name in bundle.LANGUAGES]
    assert ids[0] == ids[1]
    assert bundle.files("fr")["dashboards/deliveries.yaml"]["dashboard_title"] == "Diffusions"


def test_a_row_is_as_high_as_its_highest_chart_and_one_of_few_lines_lower_than_its_kind() -> None:
    heights = {
        place: part["meta"]["height"]
        for board in ("deliveries", "delivery")
        for place, part in FILES[f"dashboards/{board}.yaml"]["position"].items()
        if isinstance(part, dict) and part["type"] == "CHART"
    }
    assert heights["CHART-deliveries_by_channel"] == 36
    assert heights["CHART-delivery_bounces"] == 44
    assert heights["CHART-deliveries_count"] == charts.HEIGHTS["number"]
    assert len({heights[f"CHART-{name}"] for name in bundle.plan()["dashboards"]["delivery"]["rows"][2]}) == 1


def test_the_query_of_a_chart_is_what_its_editor_shows() -> None:
    for name, chart in CHARTS.items():
        content = FILES[f"charts/{name}.yaml"]
        query = json.loads(content["query_context"])["queries"][0]
        metrics = content["params"].get("metrics") or [content["params"].get("metric")]
        assert query.get("metrics", []) == [metric for metric in metrics if metric], name
        asked = {part["col"] for part in query["filters"]}
        assert asked == {part["subject"] for part in content["params"]["adhoc_filters"]}, name
        assert bool(chart.get("where")) <= bool(asked)


def test_exposures_name_every_dashboard_and_the_marts_that_it_reads() -> None:
    exposures = yaml.safe_load((CHECKOUT / "dbt_project/models/marts/_marts__exposures.yml").read_text())["exposures"]
    found = {
        one["name"]: {re.sub(r"ref\('(\w+)'\)", r"\1", reference) for reference in one["depends_on"]}
        for one in exposures
    }
    for name, board in bundle.plan()["dashboards"].items():
        datasets = {CHARTS[chart]["data"] for row in board["rows"] for chart in row}
        assert found[f"superset_{name}"] == {
            mart for dataset in datasets for mart in bundle.plan()["datasets"][dataset]["of"]
        }


def test_no_table_renders_the_html_of_a_hostile_label() -> None:
    tables = [content["params"] for content in FILES.values() if content.get("viz_type") == "table"]
    assert len(tables) > 5 and not any(params["allow_render_html"] for params in tables)


def test_no_text_of_a_sender_can_push_the_figures_of_a_table_out_of_sight() -> None:
    written_by_others = {"url", "label", "subject", "bounce_reason"}
    for name, chart in CHARTS.items():
        if chart["show"] in ("table", "groups"):
            config = FILES[f"charts/{name}.yaml"]["params"]["column_config"]
            for column in written_by_others & shown(chart):
                assert config[column] == {"columnWidth": charts.TEXT_WIDTHS[column], "truncateLongCells": True}, name


def test_figures_stand_in_rows_of_their_own_with_room_for_their_names() -> None:
    for name, board in bundle.plan()["dashboards"].items():
        for row in board["rows"]:
            figures = {chart for chart in row if CHARTS[chart]["show"] == "number"}
            assert figures in (set(), row.keys()), name
            # A narrower one shows half of its name beside the sign that it is filtered.
            assert not figures or min(row.values()) >= 3, name
