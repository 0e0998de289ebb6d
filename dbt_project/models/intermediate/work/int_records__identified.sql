-- One row per record of the run's hours that is not a catalog entry, with its identity and with the delivery, recipient and
-- message that it belongs to. `other` records stay in, to be counted.
select
    {% for column in arrived_event_list() if column not in ('event_key', 'copy_count') -%}
    record.{{ column }},
    {% endfor -%}
    case
        -- A provider's id names an event within its message: should a source use one twice, nothing is lost.
        when record.provider_event_id is not null
            then {{ key_of([
                'record.source', 'record.provider_event_id', 'record.message_ref', 'record.delivery_ref',
                'record.recipient_ref', 'record.email'
            ]) }}
        -- Without url and place two links clicked in one second would collapse into one.
        else {{ key_of([
            'record.source', 'record.message_ref', 'record.delivery_ref', 'record.source_event_type',
            instant_text('record.occurred_at'), 'record.recipient_ref', 'record.email', 'coalesce(record.unmasked_url, record.url)',
            'cast(record.position as text)', 'record.content_part', 'record.ip', 'record.user_agent'
        ]) }}
    end as event_key
from {{ resolved(ref('int_records__read'), ref('int_references__asked'), ref('int_records__read')) }} as record
