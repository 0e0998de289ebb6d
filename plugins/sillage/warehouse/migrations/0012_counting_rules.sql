-- By which rules of counting a run counted (counting_rules.py); rules 1 are those before there were versions.
alter table ops.run add column counting_rules integer;
comment on column ops.run.counting_rules is 'Version of the counting rules that the run followed; null where it failed before there were versions.';
update ops.run set counting_rules = 1 where state = 'published';

-- Whether other lists than the installed ones judged an agent is asked by every run.
create index on raw.user_agent (lists_version);
