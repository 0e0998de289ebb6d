-- One row per record. sg_event_id is no identity, as SendGrid may change it when it sends an event again: what happened is.
select
    md5(
        concat_ws('|', sg_message_id, recipient_id, event, type, timestamp, url, url_offset__index, ip, useragent)
    )::uuid as event_id,
    delivery_id,
    recipient_id,
    split_part(sg_message_id, '.filter', 1) as message_id,
    case event
        when 'processed' then 'sent'
        when 'bounce' then case when type = 'bounce' then 'hard_bounce' else 'soft_bounce' end
        when 'dropped' then 'rejected'
        when 'spamreport' then 'complaint'
        when 'unsubscribe' then 'opt_out'
        when 'group_unsubscribe' then 'opt_out'
        else event
    end as event_type,
    url,
    url_offset__index + 1 as position,
    url_offset__type as content_part,
    useragent as user_agent,
    ip,
    reason,
    to_timestamp(timestamp) as occurred_at,
    window_start,
    _dlt_load_id
from {{ source('raw', 'events') }}
