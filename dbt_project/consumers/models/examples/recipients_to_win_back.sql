select
    recipient_id,
    score,
    human_last_clicked_at
from {{ source('sillage', 'recipient_engagement') }}
where
    human_last_clicked_at is not null
    and greatest(human_last_clicked_at, human_last_opened_at) < as_of - interval '90 days'
    and not (is_opted_out or is_complaint or is_undeliverable)
