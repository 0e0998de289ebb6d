-- One row per event of the touched messages as it will be, and per one that goes (`_change`), with the words that counters
-- count by. Unique keys of the tables that are looked up in let Postgres leave out those of which a counter asks nothing.
{{ config(materialized='work_view') }}

{{ decoded_events(changes_of(ref('int_event_store')), [
    'delivery_number', 'message_key', 'recipient_id', 'event_key', 'arrived_hour', 'occurred_at', 'requester_id', 'amount',
    'article_count', 'copy_count', 'window_start', 'delivery_id', 'recipient_domain', 'event_type', 'verdict', 'is_standing',
    'is_withheld', 'is_repeat', 'device_type', 'os_family', 'browser_family', 'url', 'position', 'content_part', 'link_id',
    '_change'
], {
    'kind': ref('int_event_kinds__used'),
    'place': ref('int_places__used'),
    'domain': ref('int_domains__used'),
    'delivery': ref('int_deliveries__touched'),
}) }}
