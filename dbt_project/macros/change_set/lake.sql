{#
  What an event of the lake is made of: the columns of int_events. Without the digest of the address, of which nothing may be left in
  a file once it is erased.
#}
{% macro lake_sources() %}
    {%- set node = graph.nodes.get('model.sillage.int_events') if execute -%}
    {{ return((node.columns.keys() | reject('equalto', 'email_key') | list) if node else ['recipient_id']) }}
{% endmacro %}

{#
  The events of `relation` (with the columns of lake_sources, and `more`) as the lake has them. What another column says is left out:
  each would cost as many bytes again. Erased recipients have the names that the lake has for them.
#}
{% macro lake_events(relation, more=[]) -%}
{%- set derived = {
    'recipient_id': 'coalesce(erased.pseudonym, event.recipient_id)',
    'message_id': "case when event.message_ref is null then 'recipient:' || coalesce(erased.pseudonym, event.recipient_id)"
        ~ " else event.message_id end"
} -%}
{%- set left_out = [
    'event_id', 'message_ref', 'delivery_ref', 'recipient_ref', 'email_domain', 'resolved_email_domain', 'place_key'
] -%}
select
    {%- for name in lake_sources() if name not in left_out %}
    {{ derived[name] ~ ' as ' ~ name if name in derived else 'event.' ~ name }},
    {%- endfor %}
    {%- for name in more %}
    event.{{ name }},
    {%- endfor %}
    event.message_ref is not null as is_message_named,
    event.delivery_ref is not null as is_delivery_named,
    event.recipient_ref is not null as is_recipient_named
from {{ relation }} as event
left join {{ source('ops', 'lake_pseudonym') }} as erased on event.recipient_id = erased.recipient_id
{%- endmacro %}

{# As SQL: refuse what would leave the lake behind, and publish what the run has written there (sillage/lake). #}
{% macro publish_lake_statements(run_id) %}
    {{ return([
        "do $lake$ begin if exists (select from ops.lake_snapshot) and not exists (select from ops.lake_branch where run_id = '"
            ~ run_id ~ "') then raise exception 'Nothing was published: this warehouse has a lake, and the run wrote nothing into it."
            ~ " Set SILLAGE_LAKE as it was, or give the lake up: sillage lake leave.'; end if; end $lake$",
        "insert into ops.lake_snapshot as lake_snapshot (table_name, snapshot_id, metadata_location, run_id)"
            ~ " select table_name, snapshot_id, metadata_location, run_id from ops.lake_branch"
            ~ " where run_id = '" ~ run_id ~ "' on conflict (table_name) do update set snapshot_id = excluded.snapshot_id,"
            ~ " metadata_location = excluded.metadata_location,"
            ~ " run_id = excluded.run_id, published_at = now(), has_followed = lake_snapshot.has_followed"
            ~ " and lake_snapshot.snapshot_id = excluded.snapshot_id",
        "delete from ops.lake_branch where run_id = '" ~ run_id ~ "'"
    ]) }}
{% endmacro %}
