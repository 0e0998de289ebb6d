-- One row per published event of the touched messages, as it stands before this run: all columns of the event store, and what
-- the dictionaries say of them.
-- Message by message: joined as a whole, the history of every delivery that somebody opened in this hour would be read (21 s of
-- 20 million events, for 2 000 that were looked for).
{% set stored_columns = graph.nodes['model.sillage.int_event_store'].columns.keys() | list if execute else [] %}

with stored as (

    select event.*
    from {{ ref('int_messages__touched') }} as touched
    cross join lateral (
        select * from {{ published('int_event_store') }} as candidate
        where candidate.delivery_number = touched.delivery_number and {{ same_message('candidate', 'touched') }}
        {{ read_apart() }}
    ) as event

)

{{ decoded_events('stored', (stored_columns + published_event_list()) | unique | list, is_apart=true) }}
