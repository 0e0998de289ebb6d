-- One row per message that holds an event without an address: such an event may stand beside one that has it, and is of
-- that domain.
select
    delivery_id,
    message_key,
    recipient_id,
    max(resolved_email_domain) as resolved_email_domain
from {{ candidate_events(['delivery_id', 'message_key', 'recipient_id', 'resolved_email_domain']) }} as candidates
where
    message_key in (
        select message_key from {{ candidate_events(['message_key', 'resolved_email_domain']) }} as unknown
        where resolved_email_domain is null
    )
group by delivery_id, message_key, recipient_id
