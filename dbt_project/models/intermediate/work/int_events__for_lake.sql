-- One row per event of the touched messages that changes (`_change`: add, replace, remove), with its words: what the run writes
-- into the lake (sillage/lake). Of one that goes only the key is to be trusted.
{{ config(materialized='work_view') }}

with changes as (

    {{ decoded_events(changes_of(ref('int_event_store')), lake_sources() + ['_change'], {
        'kind': ref('int_event_kinds__used'),
        'place': ref('int_places__used'),
        'domain': ref('int_domains__used'),
        'delivery': ref('int_deliveries__touched'),
    }) }}
    where stored._change != 'keep'

)

{{ lake_events('changes', ['_change']) }}
