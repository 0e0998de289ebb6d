-- One row per record of the run's hours that is not a catalog entry, as int_records__read reads it: JSON is taken apart once
-- for all that follows.
select * from {{ ref('int_records__read') }} -- noqa: AM04
