-- The events of int_events__concerned, found again with the delivery, recipient and message that they belong to from now on.
-- Those stand in a table of their own, of which the planner knows how many there are: a catalog that comes after its events
-- concerns all of them, and of a subquery one row would be expected, and the catalog read through for each.
select resolved.*
from {{ resolved(ref('int_events__concerned'), ref('int_events__concerned'), ref('int_records__identified')) }} as resolved
