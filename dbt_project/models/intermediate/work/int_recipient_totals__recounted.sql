-- int_recipient_totals as all published events give it: the same rows, or the table has drifted. Retention asks it for those
-- whose events it drops (sillage/upkeep/retention.py).
{{ config(materialized='work_view') }}

{{ recounted_recipients() }}
