-- What the catalog says now: of the entries for one thing, the one that arrived in the latest hour.
{{ config(
    unique_key=['entry_type', 'entry_key'],
    indexes=[
        {'columns': ['delivery_id'], 'where': "entry_type = 'link'"},
        {'columns': ['email_key'], 'where': "entry_type = 'recipient'"},
        {'columns': ['entry_type', 'entry_key'], 'where': 'not has_open_tracking'},
    ]
) }}

with changed as (

    select distinct
        entry_type,
        entry_key
    from {{ changes_of(ref('int_catalog__entries')) }}
    where _change != 'keep'

),

-- What the catalog says of a recipient's consent and what the recipient said hang on each other: the later counts for both.
touched as (

    select * from changed

    union

    select
        case entry_type when 'consent' then 'recipient' else 'consent' end as entry_type,
        entry_key
    from changed
    where entry_type in ('consent', 'recipient')

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

consents as (

    select
        entry_key,
        window_start,
        entry_type,
        case entry_type
            when 'consent' then {{ json_boolean('payload', 'given', 'null') }}
            else {{ json_boolean('payload', 'has_open_tracking_consent', 'null') }}
        end as is_given
    from latest
    where recency = 1 and entry_type in ('consent', 'recipient')

),

-- Of one hour the recipient's own word.
later_consents as (

    select
        entry_key,
        is_given,
        row_number() over (partition by entry_key order by window_start desc, entry_type asc) as recency
    from consents
    where is_given is not null

),

wanted as (

    select
        latest.entry_type,
        latest.entry_key,
        latest.delivery_id,
        latest.recipient_id,
        latest.link_id,
        latest.message_ref,
        latest.email,
        {{ email_key_of('latest.email') }} as email_key,
        latest.url,
        case
            when latest.entry_type = 'delivery' then {{ json_boolean('latest.payload', 'is_open_tracking_enabled', 'true') }}
            when latest.entry_type in ('consent', 'recipient') then coalesce(later_consents.is_given, true)
            else true
        end as has_open_tracking,
        latest.payload
    from latest
    left join later_consents
        on latest.entry_type in ('consent', 'recipient') and latest.entry_key = later_consents.entry_key and later_consents.recency = 1
    where latest.recency = 1

),

current_rows as (

    select published.*
    from {{ this }} as published
    inner join touched on published.entry_type = touched.entry_type and published.entry_key = touched.entry_key

)

{{ changes_between('wanted', 'current_rows', contract_columns(), ['entry_type', 'entry_key']) }}
