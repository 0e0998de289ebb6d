-- One row per record of the run's hours that is not a catalog entry, with the delivery, recipient and message that it belongs
-- to. `other` records stay in, to be counted. What would tell an erased recipient's person or machine is left out.
{% set replaced = ['email', 'ip', 'requester_id', 'payload_order'] %}

select
    {% for column in arrived_event_list() if column not in ['copy_count'] + replaced -%}
    record.{{ column }},
    {% endfor -%}
    {{ payload_order('record.payload_hash') }} as payload_order,
    case when not record.is_erased then record.email end as email,
    -- A scanner's network is no person's.
    case when record.is_erased then {{ network_around('record.ip', ref('scanner_networks')) }} else record.ip end as ip,
    case
        when {{ key_of(['record.requester_id']) }} in (select text_key from {{ source('ops', 'erased_text') }})
            then 'erased-' || {{ pseudonym('record.requester_id') }}
        else record.requester_id
    end as requester_id
from (
    select
        resolved.*,
        resolved.recipient_id in (select unnest(erasure.recipient_ids) from {{ source('ops', 'erasure') }} as erasure)
        or coalesce(resolved.email_key in (select text_key from {{ source('ops', 'erased_text') }}), false) as is_erased
    from {{ resolved(ref('int_records__extracted'), ref('int_references__asked'), ref('int_records__extracted')) }} as resolved
) as record
