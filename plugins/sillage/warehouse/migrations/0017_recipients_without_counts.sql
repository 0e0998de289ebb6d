-- Every hour of a known recipient wrote their row and its three index entries anew, for a number that nobody read.
alter table if exists intermediate.int_recipients drop column if exists event_count;
