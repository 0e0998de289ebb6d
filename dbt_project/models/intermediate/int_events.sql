-- The events with their words: the event store, each number looked up in its dictionary.
{{ config(materialized='mart_view') }}

{{ decoded_events(ref('int_event_store'), contract_columns(), {
    'kind': ref('int_event_kinds'),
    'place': ref('int_places'),
    'domain': ref('int_domains'),
    'delivery': ref('int_delivery_numbers'),
    'address': ref('int_addresses'),
}) }}
