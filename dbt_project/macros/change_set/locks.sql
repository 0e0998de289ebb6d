{#
  As SQL: `statement`, which needs `relation` to itself, waited for in short turns. Who comes after a lock that is waited for
  waits with it: readers queue for two seconds at most, and go on between the turns, which lie further and further apart. What the
  transaction has done before stays done. After 6 minutes (tests set SILLAGE_LOCK_PATIENCE) an error names the sessions that stand in
  the way: a statement of a BI tool ends after 5, a reader that hangs in a transaction after one (sillage/warehouse/roles.py).
#}
{% macro patiently(statement, relation) -%}
do $patiently$
declare
    patience_ends timestamptz := clock_timestamp() + interval '{{ env_var("SILLAGE_LOCK_PATIENCE", "6 minutes") }}';
    pause_seconds double precision := 0.5;
    holders text;
begin
    perform set_config('lock_timeout', '2s', true);
    loop
        begin
            {{ statement }};
            return;
        exception when lock_not_available then
            select string_agg(distinct format('pid %s, user %s, application "%s"', activity.pid, activity.usename, activity.application_name), '; ')
            into holders
            from pg_locks as held join pg_stat_activity as activity on activity.pid = held.pid
            where held.relation = to_regclass('{{ relation }}') and held.granted and held.pid <> pg_backend_pid();
        end;
        if clock_timestamp() > patience_ends then
            raise exception 'lock timeout: {{ relation }} was not free for a moment in {{ env_var("SILLAGE_LOCK_PATIENCE", "6 minutes") }} (%)', coalesce(holders, 'nobody keeps it now')
                using errcode = 'lock_not_available';
        end if;
        perform pg_sleep(pause_seconds);
        pause_seconds := least(pause_seconds * 2, 15);
    end loop;
end $patiently$
{%- endmacro %}
