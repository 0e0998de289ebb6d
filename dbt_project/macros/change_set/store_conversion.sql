{#
  `dbt run-operation convert_event_store`: the event store of an older version (intermediate.int_events, a table of wide rows)
  brought into the form that it has now, partition by partition, each in a transaction of its own. What is done stays done: broken
  off, it goes on where it stopped when it is asked again. Until its end intermediate.int_events is a view of both, so that
  whoever reads sees every event once. For those who know that no run writes (sillage/transform/conversion.py).
#}
{% macro convert_event_store() %}
    {%- set former = _former_store() -%}
    {%- if _relation_kind('int_events') == 'p' -%}
        {% do run_query("begin; " ~ _begin_conversion(former) | join("; ") ~ "; commit") %}
    {%- endif -%}
    {%- if _relation_kind('int_events__former') != 'p' -%}
        {{ return('') }}
    {%- endif -%}
    {%- set partitions = run_query(
        "select relname, pg_get_expr(relpartbound, oid) from pg_class join pg_inherits on inhrelid = oid"
        ~ " where inhparent = '" ~ former ~ "'::regclass order by length(relname), relname"
    ).rows -%}
    {%- for name, bounds in partitions -%}
        {% do run_query("begin; " ~ _convert_partition(former, name, bounds) | join("; ") ~ "; commit") %}
        {{ log("Converted partition " ~ loop.index ~ " of " ~ partitions | length ~ " of the event store.", info=true) }}
    {%- endfor -%}
    {% do run_query("begin; " ~ _end_conversion(former) | join("; ") ~ "; commit") %}
    {{ log("The event store is converted.", info=true) }}
{% endmacro %}

{# For on-run-start: a build on half a store would take the rest for new. #}
{% macro assert_store_is_converted() %}
    {%- if execute and (_relation_kind('int_events') == 'p' or _relation_kind('int_events__former') == 'p') -%}
        {%- do exceptions.raise_compiler_error(
            "The event store has the form of an older version, or is half converted: run `make up` (or `sillage init`) to its end"
            ~ " first, which brings it into the form of this one and goes on where it was broken off."
        ) -%}
    {%- endif -%}
{% endmacro %}

{% macro _former_store() %}
    {%- set store = published('int_event_store') -%}
    {{ return(store.incorporate(path={'identifier': 'int_events__former'})) }}
{% endmacro %}

{# The kind of a relation of schema intermediate (`p` is a partitioned table, `v` a view); nothing where there is none. #}
{% macro _relation_kind(name) %}
    {{ return(run_query(
        "select max(relkind::text) from pg_class where oid = to_regclass('intermediate." ~ name ~ "')"
    ).columns[0].values()[0]) }}
{% endmacro %}

{% macro _begin_conversion(former) %}
    {%- set addresses = published('int_addresses') -%}
    {%- set numbers = published('int_delivery_numbers') -%}
    {%- set events = published('int_events') -%}
    {%- set statements = [
        patiently("lock table " ~ events ~ " in access exclusive mode", events),
        "alter table " ~ events ~ " rename to " ~ former.identifier,
        "alter table " ~ addresses ~ " add column address_key bigint",
        "update " ~ addresses ~ " set address_key = " ~ shortened_key('email_key'),
        "alter table " ~ addresses ~ " drop constraint " ~ addresses.identifier ~ "_pkey, add primary key (address_key)",
        "create unique index on " ~ numbers ~ " (delivery_number)",
    ] -%}
    {%- for name in ['int_event_store', 'int_event_kinds', 'int_places', 'int_domains'] -%}
        {%- do statements.extend(_create_statements(published(name), graph.nodes['model.sillage.' ~ name])) -%}
    {%- endfor -%}
    {%- do statements.append("create view " ~ events ~ " as " ~ _events_of_both(former)) -%}
    {#- What reads the table by its number reads it under its new name now: it shall read the view. -#}
    {%- set readers = run_query(
        "select distinct view.oid::regclass::text, nspname, pg_get_viewdef(view.oid) from pg_depend"
        ~ " join pg_rewrite on pg_rewrite.oid = objid join pg_class as view on view.oid = ev_class"
        ~ " join pg_namespace on pg_namespace.oid = relnamespace"
        ~ " where refobjid = '" ~ events ~ "'::regclass and view.relkind = 'v'"
    ).rows -%}
    {#- Also in columns that the view has not: they are in a definition that took all, and nobody is shown them. -#}
    {%- set gone = run_query(
        "select attname, format_type(atttypid, atttypmod) from pg_attribute where attrelid = '" ~ events ~ "'::regclass"
        ~ " and attnum > 0 and not attisdropped and attname not in ('"
        ~ graph.nodes['model.sillage.int_events'].columns.keys() | join("', '") ~ "')"
    ).rows -%}
    {%- for view, schema, told in readers -%}
        {%- set definition = namespace(text=told) -%}
        {%- for column, type in gone -%}
            {%- set definition.text = modules.re.sub(
                '\\bint_events\\.' ~ column ~ '\\b', 'cast(null as ' ~ type ~ ') as ' ~ column, definition.text
            ) -%}
        {%- endfor -%}
        {%- if schema in ['work', 'audit'] -%}
            {%- do statements.insert(0, "drop view if exists " ~ view ~ " cascade") -%}
        {%- else -%}
            {%- do statements.append("create or replace view " ~ view ~ " as " ~ definition.text.rstrip(';')) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(statements) }}
{% endmacro %}

{# The store's events, and those of the former store in the words of int_events. #}
{% macro _events_of_both(former) -%}
    {%- set columns = graph.nodes['model.sillage.int_events'].columns.keys() | list -%}
    select {{ columns | join(', ') }} from ({{ decoded_events(published('int_event_store'), columns) }}) as converted
    union all
    select {{ columns | join(', ') }} from ({{ _former_events(former) }}) as former
{%- endmacro %}

{# The rows of a former store, with all that int_events and the new store say of them. #}
{% macro _former_events(relation) -%}
    select
        event.*,
        {{ event_id_of('event') }} as event_id,
        {{ hour_number('event.window_start') }} as arrived_hour,
        case
            when event.email_domain is not null then 'event'
            when event.resolved_email_domain is not null then 'catalog'
            when event.recipient_domain != 'unknown' then 'message'
        end as domain_origin,
        case
            when coalesce(event.url, cast(event.position as text), event.content_part, event.link_id) is not null
                then {{ short_key_of(['event.url', 'cast(event.position as text)', 'event.content_part', 'event.link_id']) }}
        end as place_key,
        {#- Known once it is converted: the logs of the tabs, which ask for kinds, show it from then on. #}
        cast(null as integer) as kind_number,
        cast(null as boolean) as is_rare
    from (
        select
            {%- for name in _kept_columns() %}
            former.{{ name }},
            {%- endfor %}
            {{ short_key_of(['former.message_id']) }} as message_key,
            {{ shortened_key('former.event_key') }} as event_key,
            {{ shortened_key('former.user_agent_key') }} as user_agent_key,
            {{ payload_order('former.payload_hash') }} as payload_order,
            cast(former.copy_count as integer) as copy_count
        from {{ relation }} as former
    ) as event
{%- endmacro %}

{# The columns of int_events that are in the former store as they are. #}
{% macro _kept_columns() %}
    {%- set made = [
        'event_id', 'kind_number', 'is_rare', 'place_key', 'message_key', 'event_key', 'user_agent_key', 'payload_order', 'copy_count'
    ] -%}
    {{ return(graph.nodes['model.sillage.int_events'].columns.keys() | reject('in', made) | list) }}
{% endmacro %}

{% macro _convert_partition(former, name, bounds) %}
    {%- set store = published('int_event_store') -%}
    {%- set kinds, places, domains = published('int_event_kinds'), published('int_places'), published('int_domains') -%}
    {%- set addresses = published('int_addresses') -%}
    {%- set partition = former.incorporate(path={'identifier': name}) -%}
    {%- set converted = store.incorporate(path={'identifier': store.identifier ~ '_p' ~ name.rsplit('_p', 1)[1]}) -%}
    {%- set columns = graph.nodes['model.sillage.int_event_store'].columns.keys() | list -%}
    {%- set new_number = "row_number() over (order by 1) + (select coalesce(max({}), 0) from {})" -%}
    {%- set kind_list = kind_columns() | join(', ') -%}
    {{ return([
        session_settings(),
        "create temporary table former_event on commit drop as select *, " ~ key_of(kind_texts()) ~ " as kind_id, "
            ~ shortened_key('email_key') ~ " as address_key from (" ~ _former_events(partition) ~ ") as event",
        "analyze former_event",
        "insert into " ~ kinds ~ " (kind_number, kind_id, " ~ kind_list ~ ", is_rare)"
            ~ " select " ~ new_number.format('kind_number', kinds) ~ ", kind_id, " ~ kind_list ~ ", " ~ is_rare_kind()
            ~ " from (select distinct kind_id, " ~ kind_list ~ " from former_event) as seen"
            ~ " where kind_id not in (select kind_id from " ~ kinds ~ ")",
        "insert into " ~ domains ~ " (recipient_domain, domain_number)"
            ~ " select recipient_domain, " ~ new_number.format('domain_number', domains)
            ~ " from (select distinct recipient_domain from former_event) as seen"
            ~ " where recipient_domain not in (select recipient_domain from " ~ domains ~ ")",
        "insert into " ~ places ~ " (place_key, url, position, content_part, link_id)"
            ~ " select place_key, min(url), min(position), min(content_part), min(link_id) from former_event"
            ~ " where place_key is not null group by place_key on conflict do nothing",
        "insert into " ~ addresses ~ " (address_key, email_key, email)"
            ~ " select distinct address_key, email_key, cast(null as text) from former_event where email_key is not null"
            ~ " on conflict do nothing",
        "create table " ~ converted ~ " (like " ~ store ~ " including defaults including constraints)",
        "insert into " ~ converted ~ " (" ~ columns | join(', ') ~ ") select " ~ _store_values(columns) ~ " from former_event as event"
            ~ " inner join " ~ kinds ~ " as kind on event.kind_id = kind.kind_id"
            ~ " inner join " ~ domains ~ " as domain on event.recipient_domain = domain.recipient_domain"
            ~ " order by event.delivery_number, event.message_key",
        "alter table " ~ former ~ " detach partition " ~ partition,
        "drop table " ~ partition,
        "alter table " ~ store ~ " attach partition " ~ converted ~ " " ~ bounds,
        "analyze " ~ converted,
    ]) }}
{% endmacro %}

{# The columns of the store, of an `event` in words with its `kind` and `domain`. #}
{% macro _store_values(columns) %}
    {%- set made = {
        'kind_number': 'kind.kind_number',
        'is_rare': 'kind.is_rare',
        'domain_number': 'domain.domain_number',
        'further_copy_count': 'nullif(event.copy_count - 1, 0)',
        'is_delivery_named': 'event.delivery_ref is not null',
        'is_recipient_named': 'event.recipient_ref is not null',
    } -%}
    {%- set values = [] -%}
    {%- for name in columns -%}{%- do values.append(made.get(name, 'event.' ~ name)) -%}{%- endfor -%}
    {{ return(values | join(', ')) }}
{% endmacro %}

{% macro _end_conversion(former) %}
    {%- set columns = graph.nodes['model.sillage.int_events'].columns.keys() | list -%}
    {{ return([
        patiently("lock table " ~ published('int_events') ~ " in access exclusive mode", published('int_events')),
        "create or replace view " ~ published('int_events') ~ " as " ~ decoded_events(published('int_event_store'), columns),
        "drop table " ~ former,
    ]) }}
{% endmacro %}
