-- Nothing is lost: every record of an hour is an event, a repeat, a record without event, or rejected.
select window_start
from {{ ref('workflow_windows') }}
where record_count != event_count + duplicate_count + other_count + rejected_count
