-- What the sender knows of deliveries, recipients, links and messages. Of the entries of one hour for one thing the last
-- one stands (by file, then line); between hours the later hour's does (int_catalog__current).
-- What recipients themselves said of tracking comes as canonical events, and is an entry of its own: as one of the type
-- recipient it would replace all else that is known of them. Of one hour the latest by its own time stands.
with source as (

    select
        entries.*,
        landed_file.path
    from {{ source('raw', 'catalog') }} as entries
    inner join {{ source('ops', 'landed_file') }} as landed_file on entries.file_id = landed_file.file_id
    where entries.window_start in {{ run_hours() }}

),

read as (

    select
        entries.window_start,
        entries.occurred_at as said_at,
        landed_file.path,
        entries.line_number,
        entries.item_number,
        'consent' as entry_type,
        cast(null as text) as delivery_id,
        {{ json_id('entries.payload', 'recipient_id') }} as recipient_id,
        cast(null as text) as link_id,
        cast(null as text) as message_id,
        cast(null as text) as email,
        cast(null as text) as url,
        {# Where from and with what it was said is the event's alone. -#}
        {% set payload = namespace(kept='entries.payload') -%}
        {% for name in ['recipient_id', 'email', 'ip', 'user_agent', 'message_id'] -%}
        {% set payload.kept = json_without(payload.kept, name) -%}
        {% endfor -%}
        {{ payload.kept }} as payload
    from {{ source('raw', 'canonical') }} as entries
    inner join {{ source('ops', 'landed_file') }} as landed_file on entries.file_id = landed_file.file_id
    where
        entries.window_start in {{ run_hours() }}
        and {{ json_text('entries.payload', 'event_type') }} = 'tracking_consent'
        and {{ json_boolean('entries.payload', 'given', 'null') }} is not null

    union all

    select
        window_start,
        null as said_at,
        path,
        line_number,
        item_number,
        {{ json_text('payload', 'entry_type') }} as entry_type,
        {{ json_id('payload', 'delivery_id') }} as delivery_id,
        {{ json_id('payload', 'recipient_id') }} as recipient_id,
        {{ json_id('payload', 'link_id') }} as link_id,
        {{ json_id('payload', 'message_id') }} as message_id,
        {{ email_of(json_text('payload', 'email')) }} as email,
        {{ json_text('payload', 'url') }} as url,
        payload
    from source

),

named as (

    select
        window_start,
        said_at,
        path,
        line_number,
        item_number,
        entry_type,
        {{ public_id('delivery_id') }} as delivery_id,
        {{ public_recipient_id('recipient_id') }} as recipient_id,
        {{ public_id('link_id') }} as link_id,
        {{ key_text(claimed_message_id('message_id')) }} as message_ref,
        -- An id that is an address tells it too.
        {{ key_text('coalesce(email, case when ' ~ is_email('recipient_id') ~ ' then ' ~ email_of('recipient_id') ~ ' end)') }}
            as email,
        {{ without_addresses('url') }} as url,
        payload
    from read

),

keyed as (

    select
        *,
        case entry_type
            when 'delivery' then delivery_id
            when 'recipient' then recipient_id
            when 'consent' then recipient_id
            when 'link' then {{ link_entry_key('delivery_id', 'link_id') }}
            when 'message' then message_ref
        end as entry_key
    from named

),

ranked as (

    select
        *,
        -- The catalog does not bring an erased recipient's address back: what it tells still holds, by the digest.
        email is not null and (
            {{ email_key_of('email') }} in (select text_key from {{ source('ops', 'erased_text') }})
            or (
                entry_type = 'recipient'
                and recipient_id in (select unnest(erasure.recipient_ids) from {{ source('ops', 'erasure') }} as erasure)
            )
        ) as is_erased,
        row_number() over (
            partition by entry_type, entry_key, window_start
            order by said_at desc nulls last, path desc, line_number desc, item_number desc
        ) as recency
    from keyed
    where entry_key is not null

)

select
    ranked.entry_type,
    ranked.entry_key,
    ranked.window_start,
    ranked.delivery_id,
    ranked.recipient_id,
    ranked.link_id,
    ranked.message_ref,
    case when ranked.is_erased then {{ erased_address('ranked.email') }} else ranked.email end as email,
    ranked.url,
    case
        when ranked.is_erased then {{ json_without(json_without('ranked.payload', 'email'), 'recipient_id') }}
        else ranked.payload
    end as payload
from ranked
where ranked.recency = 1
