-- A view from now on, which dbt makes; schema work holds nothing that outlives a run.
drop table if exists work.int_events__arrived;
