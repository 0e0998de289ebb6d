-- Keys of eight bytes, by which the event store names what stands in other tables (docs/adr/0007-slim-event-store.md).
alter table raw.user_agent
    add column short_key bigint not null
    generated always as (cast(cast('x' || left(md5(user_agent), 16) as bit(64)) as bigint)) stored;
create unique index user_agent_short_key on raw.user_agent (short_key);
comment on column raw.user_agent.short_key is 'The first half of user_agent_key, as the event store has it.';

-- dbt makes it anew: it reads a column that changes.
drop view if exists work.int_records__read cascade;
alter table ops.erased_record
    alter column event_key type bigint
    using cast(cast('x' || replace(left(cast(event_key as text), 18), '-', '') as bit(64)) as bigint);
