{#
  Counters are never recounted: a counter's new value is the published one plus the difference that the touched messages make.
  Every touched message is counted twice, as it was (weight -1) and as it will be (weight +1).
#}
{% macro weighted_events(columns) -%}
(
    select
        1 as weight,
        {{ columns | join(', ') }}
    from {{ ref('int_events__changed') }}
    where is_standing and _change != 'remove'

    union all

    select
        -1 as weight,
        {{ columns | join(', ') }}
    from {{ ref('int_events__published_before') }}
    where is_standing
)
{%- endmacro %}

{#
  The same for the counters of deliveries. A delivery that is recomputed is counted from nothing: all its messages are touched,
  so what it was leaves no difference, and what it will be is all there is. A counter that had drifted is right again.
#}
{% macro counted_events(columns) -%}
(
    select weighted.* from {{ weighted_events(columns) }} as weighted
    where weighted.weight = 1 or weighted.delivery_id not in (select delivery_id from {{ ref('int_deliveries__recomputed') }})
)
{%- endmacro %}

{#
  The smallest (`aggregate` = 'min') or largest ('max') value of a group after this run. Where the touched messages did not
  hold the published extreme, or hold a further one now, it follows from `was` (theirs before), `is_now` (theirs now) and
  `published`. Only where the extreme itself went away is `recount` (a subquery over the untouched events) asked.
#}
{% macro merged_extreme(aggregate, published, was, is_now, recount) -%}
    {%- set sign, pick = ('<=', 'least') if aggregate == 'min' else ('>=', 'greatest') -%}
    case
        when {{ published }} is null then {{ is_now }}
        when {{ was }} is null or {{ was }} != {{ published }} or {{ is_now }} {{ sign }} {{ published }}
            then {{ pick }}({{ published }}, {{ is_now }})
        else {{ pick }}({{ is_now }}, {{ recount }})
    end
{%- endmacro %}

{# The published events of one delivery that this run does not touch, to recount an extreme from. #}
{% macro untouched(expression, delivery_number, condition) -%}
(
    select {{ expression }} from {{ published_events([
        'delivery_number', 'message_key', 'recipient_id', 'event_type', 'verdict', 'is_standing', 'is_withheld', 'requester_id',
        'url', 'position', 'content_part', 'link_id', 'occurred_at'
    ]) }} as other
    where other.delivery_number = {{ delivery_number }} and other.is_standing and {{ condition }}
        and not exists (
            select 1 from {{ ref('int_messages__touched') }} as touched
            where touched.delivery_number = other.delivery_number and {{ same_message('touched', 'other') }}
        )
)
{%- endmacro %}

{# The same of one recipient over all deliveries, without the copies that do not stand. #}
{% macro untouched_of_recipient(expression, recipient_id, condition) -%}
(
    select {{ expression }} from {{ published_events([
        'delivery_number', 'message_key', 'recipient_id', 'event_type', 'verdict', 'is_standing', 'is_withheld', 'is_repeat', 'occurred_at'
    ]) }} as other
    where other.recipient_id = {{ recipient_id }} and other.is_standing and {{ condition }}
        and not exists (
            select 1 from {{ ref('int_messages__touched') }} as touched
            where touched.delivery_number = other.delivery_number and {{ same_message('touched', 'other') }}
        )
)
{%- endmacro %}

{# The first address, in the alphabet, that the published events of a recipient name which this run does not touch. #}
{% macro untouched_address(recipient_id) -%}
(
    select min(address.email)
    from {{ published('int_event_store') }} as other
    inner join {{ published('int_addresses') }} as address on other.address_key = address.address_key
    inner join {{ published('int_event_kinds') }} as kind on other.kind_number = kind.kind_number
    where other.recipient_id = {{ recipient_id }} and kind.is_standing
        and not exists (
            select 1 from {{ ref('int_messages__touched') }} as touched
            where touched.delivery_number = other.delivery_number and {{ same_message('touched', 'other') }}
        )
)
{%- endmacro %}
