-- One row per set of references by which this run's records leave something open (whose message, which recipient, which
-- domain): what the catalog is asked. Few where a source names delivery, recipient and address itself.
select distinct
    message_ref,
    delivery_ref,
    recipient_ref,
    email_key,
    email_domain
from {{ ref('int_records__extracted') }}
where {{ needs_claim('') }} or email_domain is null
