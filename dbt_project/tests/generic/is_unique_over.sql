{# No two rows share the same values in `columns`; nulls count as a value. #}
{% test is_unique_over(model, columns) %}
select {{ columns | join(', ') }}
from {{ model }}
group by {{ columns | join(', ') }}
having count(*) > 1
{% endtest %}
