-- What the catalog says now: of the entries for one thing, the one that arrived in the latest hour.
{{ config(
    unique_key=['entry_type', 'entry_key'],
    indexes=[
        {'columns': ['delivery_id'], 'where': "entry_type = 'link'"},
        {'columns': ['email_key'], 'where': "entry_type = 'recipient'"},
        {'columns': ['entry_type', 'entry_key'], 'where': 'not has_open_tracking'},
    ]
) }}

with touched as (

    select distinct
        entry_type,
        entry_key
    from {{ changes_of(ref('int_catalog__entries')) }}
    where _change != 'keep'

),

entries as (

    select changes.* from {{ changes_of(ref('int_catalog__entries')) }} as changes
    where changes._change != 'remove'

    union all

    select
        published.*,
        'keep' as _change
    from {{ ref('int_catalog__entries') }} as published
    inner join touched on published.entry_type = touched.entry_type and published.entry_key = touched.entry_key
    where published.window_start not in {{ run_hours() }}

),

latest as (

    select
        entries.*,
        row_number() over (partition by entries.entry_type, entries.entry_key order by entries.window_start desc) as recency
    from entries
    inner join touched on entries.entry_type = touched.entry_type and entries.entry_key = touched.entry_key

),

wanted as (

    select
        entry_type,
        entry_key,
        delivery_id,
        recipient_id,
        link_id,
        message_ref,
        email,
        {{ email_key_of('email') }} as email_key,
        url,
        case entry_type
            when 'delivery' then {{ json_boolean('payload', 'is_open_tracking_enabled', 'true') }}
            when 'recipient' then {{ json_boolean('payload', 'has_open_tracking_consent', 'true') }}
            else true
        end as has_open_tracking,
        payload
    from latest
    where recency = 1

),

current_rows as (

    select published.*
    from {{ this }} as published
    inner join touched on published.entry_type = touched.entry_type and published.entry_key = touched.entry_key

)

{{ changes_between('wanted', 'current_rows', contract_columns(), ['entry_type', 'entry_key']) }}
