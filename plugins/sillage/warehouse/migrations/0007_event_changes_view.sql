-- A view from now on, over the tables that dbt makes; schema work holds nothing that outlives a run.
drop table if exists work.int_events cascade;
